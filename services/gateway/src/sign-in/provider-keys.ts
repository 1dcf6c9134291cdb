import type { Clock } from '@csr/runtime/clock'
import {
  createLocalJWKSet,
  errors,
  type FlattenedJWSInput,
  type JWSHeaderParameters,
  type CryptoKey,
  type JWK,
} from 'jose'
import { z } from 'zod'
import type { LimitedFetch } from './limited-fetch.ts'
import { createRemembered } from './remembered.ts'
import { ProviderUnavailable } from './sign-in-refusal.ts'

/** Public RSA keys for signatures; whatever else a provider publishes is passed over. */
const rsaKey = z.object({
  kty: z.literal('RSA'),
  kid: z.string().min(1).max(200),
  n: z.string().max(2_000),
  e: z.string().max(20),
  alg: z.literal('RS256').optional(),
  use: z.literal('sig').optional(),
})
const keysMax = 50
const keySet = z.object({ keys: z.array(z.unknown()).max(keysMax) })

/** Keys are asked for again after this time, so that one the provider took back stops counting. */
const freshMs = 300_000
const keptMs = 900_000
/** An unknown key id asks the provider at most this often, so that junk does not become traffic. */
const coolDownMs = 30_000

export type FindKey = (header: JWSHeaderParameters, token: FlattenedJWSInput) => Promise<CryptoKey>

/** Verification keys of a provider, by the key id of a token. An unknown id asks the provider once, then there is a cool-down. */
export function createProviderKeys(options: {
  readonly address: () => Promise<string>
  readonly fetch: LimitedFetch
  readonly clock: Clock
}): FindKey {
  const { address, fetch, clock } = options
  const remembered = createRemembered({
    load: async () => createLocalJWKSet({ keys: await readKeys(await address(), fetch) }),
    ...{ clock, freshMs, keptMs, coolDownMs },
  })
  return async (header, token) => {
    if (typeof header.kid !== 'string') throw new errors.JWKSNoMatchingKey()
    const find = await remembered.get()
    try {
      return await find(header, token)
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error
      const again = await remembered.reload()
      return await again(header, token)
    }
  }
}

async function readKeys(address: string, fetch: LimitedFetch): Promise<JWK[]> {
  const answer = await fetch(address)
  const found = keySet.safeParse(answer.status === 200 ? await answer.json().catch(() => null) : null)
  if (!found.success) throw new ProviderUnavailable('the key set is not one')
  return found.data.keys.flatMap((key) => {
    const read = rsaKey.safeParse(key)
    return read.success ? [read.data as JWK] : []
  })
}
