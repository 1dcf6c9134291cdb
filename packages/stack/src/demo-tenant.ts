import { platformTenantId } from '@csr/contracts/services'
import type { GatewayClient } from './gateway-client.ts'
import type { DemoDocument, Partner } from './stack-document.ts'
import { Refusal } from './refusal.ts'
import { readJson, writeAtomically } from './write-atomically.ts'

export const demoTenantName = 'Demo company'

export const demoPartners: readonly Partner[] = ['kintell', 'buddy', 'upskilling']

type Endpoint = { readonly id: string; readonly webhookPath: string; readonly secret: string }

/** What is remembered between starts: the secrets are told only once. Mode 0600. */
type DemoState = { readonly tenantId: string; readonly endpoints: Partial<Record<Partner, Endpoint>> }

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
  for (const partner of demoPartners) {
    if (state.endpoints[partner] !== undefined) continue
    const endpoint = await addEndpoint(client, state.tenantId, partner)
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
    users: [],
  }
}

async function findOrAddTenant(client: GatewayClient): Promise<string> {
  const token = await client.token({ tenantId: platformTenantId, role: 'platform_admin' })
  let cursor: string | null = null
  do {
    const query: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`
    const page = (await client.call({ method: 'GET', path: `/v1/tenants?limit=200${query}`, token })) as {
      items: readonly { id: string; name: string }[]
      nextCursor: string | null
    }
    const found = page.items.find((tenant) => tenant.name === demoTenantName)
    if (found !== undefined) return found.id
    cursor = page.nextCursor
  } while (cursor !== null)
  const made = await client.call({ method: 'POST', path: '/v1/tenants', token, body: { name: demoTenantName } })
  return textField(made, 'id')
}

async function addEndpoint(client: GatewayClient, tenantId: string, partner: Partner): Promise<Endpoint> {
  const token = await client.token({ tenantId, role: 'company_admin' })
  const made = await client.call({ method: 'POST', path: '/v1/endpoints', token, body: { partner } })
  return { id: textField(made, 'id'), webhookPath: textField(made, 'webhookPath'), secret: textField(made, 'secret') }
}

function textField(body: unknown, name: string): string {
  const value = typeof body === 'object' && body !== null ? (body as Record<string, unknown>)[name] : undefined
  if (typeof value === 'string') return value
  throw new Refusal(`The gateway answered without "${name}".`)
}
