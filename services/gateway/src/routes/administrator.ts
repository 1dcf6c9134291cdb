import { ProblemError } from '@csr/http/problem'
import type { Principal } from '@csr/http/route'

/** Who may act is decided by people: an administrator of the tenant, never a machine. */
export function assertAdministrator({ roles, clientId }: Principal): void {
  if (!roles.includes('company_admin') || clientId !== null) throw new ProblemError('permission-denied')
}

/** The tenant of an administrator who acts for it. */
export function administered(principal: Principal): string {
  assertAdministrator(principal)
  return principal.tenantId
}
