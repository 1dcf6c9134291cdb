import type { Operation } from '@csr/contracts/http/operation'
import { decodeJwt } from 'jose'
import { createGatewayClient, type AnswerOf, type Input } from './gateway-client.ts'
import { persist } from './persist.ts'

/** A company's administrator at the gateway: asks again while something is down, and renews the token in time. */
export type CompanyClient = {
  readonly gatewayUrl: string
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

export function createCompanyClient(gatewayUrl: string, tenantId: string, signal: AbortSignal): CompanyClient {
  const client = createGatewayClient(gatewayUrl)
  let held: { token: string; issuedAt: number; gotMs: number } | null = null

  async function current(): Promise<{ token: string; issuedAt: number; gotMs: number }> {
    if (held !== null && performance.now() - held.gotMs < tokenLivesMs) return held
    const wanted = { tenantId, role: 'company_admin' } as const
    const token = await persist(() => client.token(wanted), signal)
    held = { token, issuedAt: decodeJwt(token).iat ?? 0, gotMs: performance.now() }
    return held
  }

  const ask: CompanyClient['ask'] = (operation, input = {}) =>
    persist(async () => client.call(operation, { ...input, token: (await current()).token }), signal)

  return {
    ...{ gatewayUrl, signal, ask },
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
