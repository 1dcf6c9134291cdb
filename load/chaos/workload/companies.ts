import type { Partner } from '@csr/contracts/events/ingest'
import { createTenant } from '@csr/contracts/http/tenants'
import { createEndpoint } from '@csr/contracts/http/ingest'
import { createGatewayClient } from '@csr/stack/gateway-client'
import type { RigStack } from '../rig-stack.ts'

/** One company of the rig, with an endpoint for each partner. */
export type Company = {
  readonly tenantId: string
  readonly endpoints: Readonly<Record<Partner, { readonly webhookPath: string; readonly secret: string }>>
}

/** Makes them as an operator would. They share the ids of things and the addresses of people, and must not notice. */
export async function makeCompanies(stack: RigStack, count: number): Promise<Company[]> {
  const gateway = createGatewayClient(stack.document.gateway)
  const operator = await stack.token({ role: 'platform_admin' })
  const companies: Company[] = []
  for (let number = 1; number <= count; number += 1) {
    const name = `Synthetic company ${number}`
    const { id: tenantId } = await gateway.call(createTenant, { token: operator, body: { name } })
    const token = await stack.token({ role: 'company_admin', tenantId })
    const endpoint = (partner: Partner) => gateway.call(createEndpoint, { token, body: { partner } })
    const [kintell, buddy, upskilling] = [
      await endpoint('kintell'),
      await endpoint('buddy'),
      await endpoint('upskilling'),
    ]
    companies.push({ tenantId, endpoints: { kintell, buddy, upskilling } })
  }
  return companies
}
