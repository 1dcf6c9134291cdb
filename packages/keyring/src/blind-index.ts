import type { Partner } from '@csr/contracts/events/ingest'
import type { KeyedHash } from './index-key.ts'

/** What may identify a person. At least one of e-mail and (partner, external id) must be there; names and phones never do. */
export type Identifiers = {
  readonly email: string | null
  readonly partner?: Partner
  readonly externalId?: string | null
}

/** The blind indexes of one person, hexadecimal; at least one is not null. */
export type BlindIndexes = { readonly email: string | null; readonly external: string | null }

/** Trimmed, NFC, lower case; no dot or plus tricks: those are other people at some providers. */
export function normaliseEmail(email: string): string {
  return email.trim().normalize('NFC').toLowerCase().normalize('NFC')
}

/** HMAC-SHA-256 of each identifier under the tenant's own key: equal within a tenant, unrelated across tenants. */
export function blindIndexesOf(hash: KeyedHash, person: Identifiers): BlindIndexes {
  const email = person.email === null ? '' : normaliseEmail(person.email)
  const externalId = person.externalId ?? ''
  if (externalId !== '' && person.partner === undefined) throw new TypeError('An external id needs its partner')
  if (email === '' && externalId === '') throw new TypeError('A person needs an e-mail or an external id')
  return {
    email: email === '' ? null : hash(['email', email]).toString('hex'),
    external: externalId === '' ? null : hash(['external', person.partner ?? '', externalId]).toString('hex'),
  }
}
