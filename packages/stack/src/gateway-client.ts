import { createDevelopmentToken } from '@csr/contracts/http/gateway'
import type { Operation } from '@csr/contracts/http/operation'
import type { Role } from '@csr/contracts/permissions'
import { Refusal } from './refusal.ts'

export type DevelopmentToken = {
  readonly tenantId: string
  readonly role: Role
  readonly subject?: string | undefined
  /** merged over what would be signed; null removes */
  readonly claims?: Record<string, unknown> | undefined
  readonly header?: Record<string, unknown> | undefined
}

export type Input = {
  readonly token?: string
  /** values of the `:names` in the path */
  readonly params?: Readonly<Record<string, string>>
  readonly query?: Readonly<Record<string, string | number | null | undefined>>
  readonly body?: unknown
}

/** What an operation answers when it does what was asked. */
export type AnswerOf<Declared extends Operation> = ReturnType<
  Declared['answers'][keyof Declared['answers'] & number]['parse']
>

/** The gateway said no, or nothing (`status` 0). */
export class GatewayRefusal extends Refusal {
  readonly status: number
  readonly retryAfterMs: number

  constructor(message: string, options: { status: number; retryAfterMs?: number; cause?: unknown }) {
    super(message, { exitCode: options.status === 0 ? 3 : 1, cause: options.cause })
    this.status = options.status
    this.retryAfterMs = options.retryAfterMs ?? 0
  }
}

/** The gateway as an operator uses it: checked and audited like anybody. */
export type GatewayClient = {
  /** The body of a 2xx answer; anything else is a Refusal in the words of the problem document. */
  call<Declared extends Operation>(operation: Declared, input: Input): Promise<AnswerOf<Declared>>
  /** An access token, signed by the development route; refused in production mode, which has no such route. */
  token(wanted: DevelopmentToken): Promise<string>
}

/** A client of the gateway of a running stack. Refusals have exit code 1, or 3 where nothing answers. */
export function createGatewayClient(gatewayUrl: string): GatewayClient {
  async function call<Declared extends Operation>(operation: Declared, input: Input): Promise<AnswerOf<Declared>> {
    const { status, body, retryAfterMs } = await send(gatewayUrl, operation, input)
    const schema = operation.answers[status]
    if (schema !== undefined) return schema.parse(body) as AnswerOf<Declared>
    const what = `${operation.method} ${operation.path} was refused: ${describeProblem(status, body)}`
    throw new GatewayRefusal(what, { status, retryAfterMs })
  }
  return {
    call,
    token: async (wanted) => (await call(createDevelopmentToken, { body: wanted })).token,
  }
}

async function send(
  gatewayUrl: string,
  operation: Operation,
  input: Input,
): Promise<{ status: number; body: unknown; retryAfterMs: number }> {
  const path = operation.path.replace(/:(\w+)/g, (_, name: string) => encodeURIComponent(input.params?.[name] ?? ''))
  const url = new URL(path, gatewayUrl)
  for (const [name, value] of Object.entries(input.query ?? {})) {
    if (value !== undefined && value !== null) url.searchParams.set(name, String(value))
  }
  const sent = input.body === undefined ? {} : { body: JSON.stringify(input.body) }
  try {
    const answer = await fetch(url, {
      method: operation.method,
      headers: {
        ...(input.token === undefined ? {} : { authorization: `Bearer ${input.token}` }),
        ...(input.body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...sent,
      signal: AbortSignal.timeout(answerWithinMs),
    })
    const text = await answer.text()
    const retryAfterMs = Number(answer.headers.get('retry-after') ?? 0) * 1_000 || 0
    return { status: answer.status, body: text === '' ? null : JSON.parse(text), retryAfterMs }
  } catch (error) {
    throw new GatewayRefusal(`The gateway at ${gatewayUrl} does not answer.`, { status: 0, cause: error })
  }
}

const answerWithinMs = 15_000

/** A problem document in a line for a person. */
export function describeProblem(status: number, body: unknown): string {
  if (typeof body !== 'object' || body === null) return `status ${status}`
  const {
    title = '',
    detail,
    errors = [],
  } = body as {
    title?: string
    detail?: string
    errors?: { pointer?: string; detail?: string }[]
  }
  const places = errors.map((error) => `${error.pointer ?? ''} ${error.detail ?? ''}`.trim())
  return [`${status} ${title}`.trim(), detail, ...places].filter(Boolean).join('; ')
}
