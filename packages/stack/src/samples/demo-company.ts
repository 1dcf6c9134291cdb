import type { Operation } from '@csr/contracts/http/operation'
import { decodeJwt } from 'jose'
import { createGatewayClient, GatewayRefusal, type AnswerOf, type Input } from '../gateway-client.ts'
import type { DemoDocument } from '../stack-document.ts'
import { persist } from './persist.ts'

/** The demo company's administrator at the gateway: asks again while something is down, and renews the token in time. */
export type DemoCompany = {
  readonly gatewayUrl: string
  readonly demo: DemoDocument
  readonly signal: AbortSignal
  ask<Declared extends Operation>(operation: Declared, input?: Omit<Input, 'token'>): Promise<AnswerOf<Declared>>
  /** every item of a list, newest first */
  all<Item>(operation: ListOperation<Item>, input?: Omit<Input, 'token'>): Promise<Item[]>
  token(): Promise<string>
  /** Unix seconds by the clock of the system, as its tokens tell it: a stack may run on a shifted one */
  nowSeconds(): Promise<number>
}

type Page<Item> = { readonly items: Item[]; readonly nextCursor: string | null }
type ListOperation<Item> = Operation & { readonly answers: { readonly 200: { parse(value: unknown): Page<Item> } } }

const tokenLivesMs = 5 * 60_000
const pageMax = 200

export function createDemoCompany(gatewayUrl: string, demo: DemoDocument, signal: AbortSignal): DemoCompany {
  const client = createGatewayClient(gatewayUrl)
  let held: { token: string; issuedAt: number; gotMs: number } | null = null

  async function current(): Promise<{ token: string; issuedAt: number; gotMs: number }> {
    if (held !== null && performance.now() - held.gotMs < tokenLivesMs) return held
    const wanted = { tenantId: demo.tenantId, role: 'company_admin' } as const
    const token = await persist(() => client.token(wanted), signal)
    held = { token, issuedAt: decodeJwt(token).iat ?? 0, gotMs: performance.now() }
    return held
  }

  const ask: DemoCompany['ask'] = (operation, input = {}) =>
    persist(async () => client.call(operation, { ...input, token: (await current()).token }), signal)

  return {
    ...{ gatewayUrl, demo, signal, ask },
    async all<Item>(operation: ListOperation<Item>, input: Omit<Input, 'token'> = {}) {
      const items: Item[] = []
      let cursor: string | null = null
      do {
        const query = { ...input.query, limit: pageMax, cursor }
        const page = (await ask(operation, { ...input, query })) as Page<Item>
        items.push(...page.items)
        cursor = page.nextCursor
      } while (cursor !== null)
      return items
    },
    token: async () => (await current()).token,
    async nowSeconds() {
      const { issuedAt, gotMs } = await current()
      return Math.floor(issuedAt + (performance.now() - gotMs) / 1_000)
    },
  }
}

/** Sends bytes as a partner's own program would; anything but the wanted status is a GatewayRefusal. */
export async function post(
  url: string,
  headers: Readonly<Record<string, string>>,
  body: Buffer | string,
): Promise<unknown> {
  const wanted = { method: 'POST', headers, body: body as string, signal: AbortSignal.timeout(answerWithinMs) }
  const answer = await fetch(url, wanted).catch((error: unknown) => {
    throw new GatewayRefusal(`${new URL(url).origin} does not answer.`, { status: 0, cause: error })
  })
  const text = await answer.text().catch(() => '')
  if (answer.status === 202) return JSON.parse(text)
  const retryAfterMs = Number(answer.headers.get('retry-after') ?? 0) * 1_000 || 0
  const { status } = answer
  throw new GatewayRefusal(`POST ${new URL(url).pathname} was answered with status ${status}.`, {
    status,
    retryAfterMs,
  })
}

const answerWithinMs = 15_000
