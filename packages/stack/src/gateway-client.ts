import type { Role } from '@csr/contracts/permissions'
import { request } from 'undici'
import { Refusal } from './refusal.ts'

export type DevelopmentToken = {
  readonly tenantId: string
  readonly role: Role
  readonly subject?: string
  /** merged over what would be signed; null removes */
  readonly claims?: Record<string, unknown>
  readonly header?: Record<string, unknown>
}

export type Call = {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly path: string
  readonly token?: string
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

/** The gateway's answer to an operator; whoever calls it is checked and audited like anybody. */
export type GatewayClient = {
  /** an access token as the development route signs it; refused in production mode */
  token(wanted: DevelopmentToken): Promise<string>
  /** the body of a 2xx answer; everything else is a Refusal in the words of its problem document */
  call(call: Call): Promise<unknown>
}

/** A client of the gateway of a running stack. Refusals have exit code 1, or 3 where nothing answers. */
export function createGatewayClient(gatewayUrl: string): GatewayClient {
  const call = async (one: Call): Promise<unknown> => {
    const answer = await send(gatewayUrl, one)
    if (answer.status >= 200 && answer.status < 300) return answer.body
    throw new Refusal(`${one.method} ${one.path} was refused: ${describeProblem(answer)}`)
  }
  return {
    call,
    async token(wanted) {
      const answer = await call({ method: 'POST', path: '/v1/development/tokens', body: wanted })
      if (hasToken(answer)) return answer.token
      throw new Refusal('The gateway answered without a token.')
    },
  }
}

type Answer = { readonly status: number; readonly body: unknown }

async function send(gatewayUrl: string, call: Call): Promise<Answer> {
  try {
    const answer = await request(`${gatewayUrl}${call.path}`, {
      method: call.method,
      headers: {
        accept: 'application/json',
        ...(call.token === undefined ? {} : { authorization: `Bearer ${call.token}` }),
        ...(call.body === undefined ? {} : { 'content-type': 'application/json' }),
        ...call.headers,
      },
      ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
      signal: AbortSignal.timeout(answerWithinMs),
    })
    const text = await answer.body.text()
    return { status: answer.statusCode, body: text === '' ? null : JSON.parse(text) }
  } catch (error) {
    throw new Refusal(`The gateway at ${gatewayUrl} does not answer.`, { exitCode: 3, cause: error })
  }
}

const answerWithinMs = 15_000

function describeProblem({ status, body }: Answer): string {
  if (typeof body !== 'object' || body === null) return `status ${status}`
  const { title, detail, errors } = body as {
    title?: string
    detail?: string
    errors?: { pointer?: string; detail?: string }[]
  }
  const places = (errors ?? []).map((error) => `${error.pointer ?? ''} ${error.detail ?? ''}`.trim())
  return [`${status} ${title ?? ''}`.trim(), detail, ...places].filter(Boolean).join('; ')
}

function hasToken(body: unknown): body is { token: string } {
  return typeof body === 'object' && body !== null && 'token' in body && typeof body.token === 'string'
}
