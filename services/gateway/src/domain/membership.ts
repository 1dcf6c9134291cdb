import type { Role } from '@csr/contracts/permissions'

/** What an account may do in one tenant; `subjectId` is the person a participant is. */
export type Membership = {
  readonly tenantId: string
  readonly roles: readonly Role[]
  readonly subjectId: string | null
}

/** A claim by which a provider says where an account belongs. */
export type Domain = { readonly claim: 'tid' | 'hd'; readonly value: string }

type Identity = {
  readonly emailVerified: boolean
  readonly tid: string | null
  readonly hd: string | null
  readonly acr: string | null
  readonly amr: readonly string[]
}

/** The domains an identity is good for. A hosted domain counts only with a verified address; an address alone never does. */
export function domainsOf({ tid, hd, emailVerified }: Identity): Domain[] {
  const domains: Domain[] = []
  if (tid !== null) domains.push({ claim: 'tid', value: tid.toLowerCase() })
  if (hd !== null && emailVerified) domains.push({ claim: 'hd', value: hd.toLowerCase() })
  return domains
}

/** `mfa` of RFC 8176, and the classes that providers use for the same. */
const multiFactorClasses: ReadonlySet<string> = new Set([
  'http://schemas.openid.net/pape/policies/2007/06/multi-factor',
  'phr',
  'phrh',
])

/** Whether the provider says that more than one factor was asked for. */
export function hasSecondFactor({ acr, amr }: Identity): boolean {
  return amr.includes('mfa') || (acr !== null && multiFactorClasses.has(acr))
}
