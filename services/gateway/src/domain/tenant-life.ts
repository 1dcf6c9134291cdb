import type { Tenant } from '@csr/contracts/http/tenants'

/** What somebody may want of a tenant. */
export type Wish = 'suspend' | 'resume' | 'close' | 'keep'

type Life = Pick<Tenant, 'state' | 'closesAt'>

/** The times of a tenant, of which its state follows; null for what did not happen. */
export type TenantTimes = { readonly suspendedAt: string | null; readonly closedAt: string | null }

export function stateOf({ suspendedAt, closedAt }: TenantTimes): Tenant['state'] {
  if (closedAt !== null) return 'closed'
  return suspendedAt === null ? 'open' : 'suspended'
}

/** Whether a wish is to be acted on, is met already, or comes too late: what is closed stays closed. */
export function judgeWish({ state, closesAt }: Life, wish: Wish): 'act' | 'met' | 'too-late' {
  if (state === 'closed') return wish === 'close' ? 'met' : 'too-late'
  const isMet = {
    suspend: state === 'suspended',
    resume: state === 'open',
    close: closesAt !== null,
    keep: closesAt === null,
  }
  return isMet[wish] ? 'met' : 'act'
}
