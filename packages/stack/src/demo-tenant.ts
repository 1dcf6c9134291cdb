import { partner as partners, type Partner } from '@csr/contracts/events/ingest'
import { createTenant, listTenants } from '@csr/contracts/http/tenants'
import { createEndpoint } from '@csr/contracts/http/ingest'
import { platformTenantId } from '@csr/contracts/services'
import { demoUsers } from './demo-users.ts'
import type { AnswerOf, GatewayClient } from './gateway-client.ts'
import type { DemoDocument } from './stack-document.ts'
import { readJson, writeAtomically } from './write-atomically.ts'

export const demoTenantName = 'Demo company'

type Endpoint = AnswerOf<typeof createEndpoint>

/** What is remembered between starts: the secrets are told only once. Mode 0600. */
type DemoState = {
  readonly tenantId: string
  readonly endpoints: Partial<Record<Partner, Endpoint>>
  /** true once the sample job has run to its end */
  readonly samplesLoaded?: boolean
}

/**
 * Makes the demo tenant with an endpoint per partner, as an operator would: through the gateway. May be called at every
 * start and after a kill at any point: the tenant is found by its name, and what was made is written down at once.
 */
export async function makeDemoTenant(
  gatewayUrl: string,
  client: GatewayClient,
  stateFile: string,
): Promise<DemoDocument> {
  let state = readJson(stateFile) as DemoState | null
  const keep = (next: DemoState): DemoState => {
    writeAtomically(stateFile, JSON.stringify(next, null, 2))
    return next
  }
  state ??= keep({ tenantId: await findOrAddTenant(client), endpoints: {} })
  for (const partner of partners.options) {
    if (state.endpoints[partner] !== undefined) continue
    const token = await client.token({ tenantId: state.tenantId, role: 'company_admin' })
    const endpoint = await client.call(createEndpoint, { token, body: { partner } })
    state = keep({ ...state, endpoints: { ...state.endpoints, [partner]: endpoint } })
  }
  return {
    tenantId: state.tenantId,
    partners: Object.fromEntries(
      Object.entries(state.endpoints).map(([partner, endpoint]) => [
        partner,
        { webhookUrl: `${gatewayUrl}${endpoint.webhookPath}`, secret: endpoint.secret },
      ]),
    ),
    users: demoUsers,
  }
}

/** Whether the samples have been loaded in this directory, at this or an earlier start. */
export function samplesAreLoaded(stateFile: string): boolean {
  return (readJson(stateFile) as DemoState | null)?.samplesLoaded === true
}

/** Remembers that the samples are in, so that no later start loads them again. */
export function rememberSamples(stateFile: string): void {
  const state = readJson(stateFile) as DemoState
  writeAtomically(stateFile, JSON.stringify({ ...state, samplesLoaded: true }, null, 2))
}

async function findOrAddTenant(client: GatewayClient): Promise<string> {
  const token = await client.token({ tenantId: platformTenantId, role: 'platform_admin' })
  let cursor: string | null = null
  do {
    const page: AnswerOf<typeof listTenants> = await client.call(listTenants, { token, query: { limit: 200, cursor } })
    const found = page.items.find((tenant) => tenant.name === demoTenantName)
    if (found !== undefined) return found.id
    cursor = page.nextCursor
  } while (cursor !== null)
  const made = await client.call(createTenant, { token, body: { name: demoTenantName } })
  return made.id
}
