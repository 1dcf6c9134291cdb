import type { IdTokenClaims } from './id-token.ts'
import { directoryTemplate, type ProviderMetadata } from './provider-metadata.ts'
import { directoryForm, domainForm, type ProviderName, type ProviderSettings } from './provider-settings.ts'
import { SignInRefusal, SignInRefused } from './sign-in-refusal.ts'
import type { VerifiedIdentity } from './verified-identity.ts'

type Described = Pick<VerifiedIdentity, 'email' | 'emailVerified' | 'tid' | 'hd'>

/** In what providers differ. */
export type ProviderRules = {
  readonly title: string
  /** further parameters that ask for a person to sign in anew, as far as the provider can */
  readonly freshParameters: Readonly<Record<string, string>>
  /** the one issuer a token may name, given the directory it says it is of; throws `SignInRefused` */
  issuerOf(metadata: ProviderMetadata, tid: unknown): string
  /** what the claims of a verified token say of the person; throws `SignInRefused` where its organisation may not enter */
  describe(claims: IdTokenClaims, settings: ProviderSettings): Described
}

/** Google: `hd` is the hosted domain, missing for private accounts. It knows no `prompt=login`; choosing is what it offers. */
const google: ProviderRules = {
  title: 'Google',
  freshParameters: { prompt: 'select_account' },
  issuerOf: ({ issuer }) => issuer,
  describe({ email, email_verified: emailVerified, hd }, { allowed }) {
    if (email === undefined || emailVerified !== true) throw new SignInRefused(SignInRefusal.emailUnverified)
    const domain = hd?.toLowerCase()
    if (domain !== undefined && !domainForm.test(domain)) throw new SignInRefused(SignInRefusal.tokenMalformed)
    refuseOthers(domain, allowed)
    return { email, emailVerified, hd: domain ?? null, tid: null }
  },
}

/**
 * Entra: `tid` is the directory, and part of the issuer. A shared issuer is a template that any directory fits, so the
 * directory has to be looked at. `email` and `preferred_username` may be set by any administrator and prove nothing.
 */
const azure: ProviderRules = {
  title: 'Microsoft Entra',
  freshParameters: { prompt: 'login', max_age: '0' },
  issuerOf({ issuer }, tid) {
    if (!issuer.includes(directoryTemplate)) return issuer
    if (!isDirectory(tid)) throw new SignInRefused(SignInRefusal.issuerWrong)
    return issuer.replace(directoryTemplate, tid)
  },
  describe(claims, { allowed }) {
    const { tid, iss, email, preferred_username: username, xms_edov: verified } = claims
    if (!isDirectory(tid) || !iss.split('/').includes(tid)) throw new SignInRefused(SignInRefusal.issuerWrong)
    refuseOthers(tid, allowed)
    const emailVerified = email !== undefined && (verified === true || verified === 1 || verified === '1')
    return { email: email ?? (username?.includes('@') ? username : null) ?? null, emailVerified, tid, hd: null }
  },
}

export const providerRules: Readonly<Record<ProviderName, ProviderRules>> = { google, azure }

const isDirectory = (tid: unknown): tid is string => typeof tid === 'string' && directoryForm.test(tid)

function refuseOthers(organisation: string | undefined, allowed: ProviderSettings['allowed']): void {
  if (allowed === 'any' || (organisation !== undefined && allowed.includes(organisation))) return
  throw new SignInRefused(SignInRefusal.organisationNotAllowed)
}
