import { platformTenantId } from '@csr/contracts/services'
import type { Keyring } from '@csr/keyring/keyring'
import type { Clock } from '@csr/runtime/clock'
import { z } from 'zod'
import { isSameSecret } from '../domain/same-secret.ts'

/** Somebody who completed a sign-in and is known to no tenant: may accept an invitation, and nothing else. */
export type Arrival = {
  readonly provider: string
  readonly issuer: string
  readonly subject: string
  readonly secondFactor: boolean
  readonly signedInAtMs: number
}

/** The cookie of an arrival: the browser carries it, so that strangers leave nothing in the database. */
export interface Arrivals {
  write(arrival: Arrival): string
  /** null where it is not ours, changed, or older than 15 minutes */
  read(value: string): Arrival | null
}

export const arrivalLifeSeconds = 900

const arrival = z.strictObject({
  provider: z.string(),
  issuer: z.string(),
  subject: z.string(),
  secondFactor: z.boolean(),
  signedInAtMs: z.number(),
})

type Deps = { readonly keyring: Pick<Keyring, 'fingerprint'>; readonly clock: Clock }

export function createArrivals({ keyring, clock }: Deps): Arrivals {
  const macOf = (content: string): string => keyring.fingerprint(platformTenantId, 'arrival', content)
  return {
    write(arrived) {
      const content = Buffer.from(JSON.stringify(arrival.parse(arrived))).toString('base64url')
      return `${content}.${macOf(content)}`
    },
    read(value) {
      const [content = '', mac = '', ...rest] = value.split('.')
      if (rest.length > 0 || !isSameSecret(macOf(content), mac)) return null
      const arrived = arrival.parse(JSON.parse(Buffer.from(content, 'base64url').toString()))
      const ageMs = clock.nowMs() - arrived.signedInAtMs
      return ageMs >= 0 && ageMs < arrivalLifeSeconds * 1_000 ? arrived : null
    },
  }
}
