import { platformTenantId } from '@csr/contracts/services'
import { createGatewayClient, type GatewayClient } from '@csr/stack/gateway-client'
import { Refusal } from '@csr/stack/refusal'
import type { StackDocument } from '@csr/stack/stack-document'

/** The tenant that is meant: the one named, else the demo tenant. */
export function tenantOf(stack: StackDocument, named: string | undefined): string {
  const tenantId = named ?? stack.demo?.tenantId
  if (tenantId !== undefined) return tenantId
  throw new Refusal('Name a tenant with --tenant; this stack has no demo tenant.', { exitCode: 2 })
}

/** The gateway with a token of somebody who operates the platform. */
export async function asOperator(stack: StackDocument): Promise<{ client: GatewayClient; token: string }> {
  const client = createGatewayClient(stack.gateway)
  return { client, token: await client.token({ tenantId: platformTenantId, role: 'platform_admin' }) }
}

/** The gateway with a token of an administrator of one tenant. */
export async function asCompany(
  stack: StackDocument,
  tenantId: string,
): Promise<{ client: GatewayClient; token: string }> {
  const client = createGatewayClient(stack.gateway)
  return { client, token: await client.token({ tenantId, role: 'company_admin' }) }
}
