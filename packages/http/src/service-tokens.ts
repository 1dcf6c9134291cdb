import { allowedCallers, services, type Service } from '@csr/contracts/services'
import type { Clock } from '@csr/runtime/clock'
import type { Ids } from '@csr/runtime/ids'
import type { Resource } from '@csr/runtime/lifecycle'
import { SignJWT } from 'jose'
import { readSigningKey, signatureAlgorithm, type SigningKey } from './keys.ts'
import { serviceToken } from './token-verifier.ts'

export interface ServiceTokens extends Resource {
  /** a token for calls to this service; made ahead, so that no request waits for a signature */
  tokenFor(audience: Service): string
}

/** No valid token is at hand, for instance right after the machine slept: the call fails for the moment. */
class ServiceTokenUnavailable extends Error {
  constructor(audience: Service) {
    super(`no service token for ${audience}`)
    this.name = 'UpstreamUnavailable'
  }
}

type Options = {
  readonly service: Service
  readonly keyFile: string
  readonly clock: Clock
  readonly ids: Ids
}

const renewEveryMs = 30_000
const renewWhenLeftMs = 150_000
const usableWhenLeftMs = 5_000

/**
 * Service tokens of one service, one per service it may call. `start` reads the key file and refuses a missing or short
 * key; tokens are renewed in the background at half their life.
 */
export function createServiceTokens(options: Options): ServiceTokens {
  const { service, clock } = options
  const audiences = services.filter((name) => allowedCallers[name].includes(service))
  const minted = new Map<Service, Minted>()
  let key: SigningKey | null = null
  let timer: NodeJS.Timeout | undefined
  let renewing: Promise<void> | null = null

  const leftMs = (audience: Service): number => (minted.get(audience)?.expiresAtMs ?? 0) - clock.nowMs()

  async function renew(): Promise<void> {
    for (const audience of audiences) {
      if (key && (leftMs(audience) < renewWhenLeftMs || leftMs(audience) > serviceToken.lifeSecondsMax * 1_000)) {
        minted.set(audience, await mint(audience, key, options))
      }
    }
  }

  /** A failure shows in `tokenFor`, once what is at hand has expired. */
  function renewSoon(): void {
    renewing ??= renew()
      .catch(() => undefined)
      .finally(() => (renewing = null))
  }

  return {
    name: 'service tokens',
    async start() {
      key = await readSigningKey(options.keyFile)
      await renew()
      timer = setInterval(renewSoon, renewEveryMs)
      timer.unref()
    },
    tokenFor(audience) {
      const left = leftMs(audience)
      if (left < renewWhenLeftMs) renewSoon()
      const current = minted.get(audience)
      if (!current || left < usableWhenLeftMs) throw new ServiceTokenUnavailable(audience)
      return current.token
    },
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      await renewing
    },
  }
}

type Minted = { readonly token: string; readonly expiresAtMs: number }

async function mint(audience: Service, { kid, key }: SigningKey, { service, clock, ids }: Options): Promise<Minted> {
  const nowSeconds = Math.floor(clock.nowMs() / 1_000)
  const expiresSeconds = nowSeconds + serviceToken.lifeSecondsMax
  const token = await new SignJWT({})
    .setProtectedHeader({ alg: signatureAlgorithm, typ: serviceToken.typ, kid })
    .setIssuer(service)
    .setSubject(service)
    .setAudience(audience)
    .setIssuedAt(nowSeconds)
    .setNotBefore(nowSeconds)
    .setExpirationTime(expiresSeconds)
    .setJti(ids.uuid())
    .sign(key)
  return { token, expiresAtMs: expiresSeconds * 1_000 }
}
