import { reachOf, type Permission, type Role } from '@csr/contracts/permissions'

export type Caller = { readonly roles: readonly Role[]; readonly subjectId: string | null }

/** Whether the permission covers this person: all of the tenant, or the caller's own record only. */
export function reaches(caller: Caller, permission: Permission, subjectId: string): boolean {
  const reach = reachOf(caller.roles, permission)
  return reach === 'tenant' || (reach === 'own' && caller.subjectId?.toLowerCase() === subjectId.toLowerCase())
}
