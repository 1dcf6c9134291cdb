import type { IncomingHttpHeaders } from 'node:http'
import { platformTenantId } from '@csr/contracts/services'
import { ProblemError } from '@csr/http/problem'
import type { Keyring } from '@csr/keyring/keyring'
import { isSameSecret } from '../domain/same-secret.ts'

/** Bound to the session's cookie; told by `GET /v1/me`, sent back in this header. */
export const crossSiteHeader = 'x-csrf-token'

/**
 * Keeps other sites from using a person's cookies (OWASP: signed token bound to the session, and the origin beside it). A
 * browser says where a request comes from; a request that does not say is refused, for only browsers hold cookies.
 */
export interface CrossSiteCheck {
  /** throws `cross-site-refused` unless a page of ours sent this */
  assertOwnOrigin(headers: IncomingHttpHeaders): void
  /** the same, and that it knows the token of the session */
  assertOwnPage(headers: IncomingHttpHeaders, sessionSecret: string): void
  tokenOf(sessionSecret: string): string
}

type Deps = {
  readonly keyring: Pick<Keyring, 'fingerprint'>
  /** exact list: `https://csr.example.org` */
  readonly origins: readonly string[]
}

export function createCrossSiteCheck({ keyring, origins }: Deps): CrossSiteCheck {
  const tokenOf = (secret: string): string => keyring.fingerprint(platformTenantId, 'cross-site', secret)

  function assertOwnOrigin(headers: IncomingHttpHeaders): void {
    const { origin, 'sec-fetch-site': site } = headers
    const isOwn = origin === undefined ? site === 'same-origin' : origins.includes(origin)
    if (!isOwn || site === 'cross-site') throw new ProblemError('cross-site-refused')
  }

  return {
    assertOwnOrigin,
    assertOwnPage(headers, secret) {
      assertOwnOrigin(headers)
      const given = headers[crossSiteHeader]
      const isKnown = typeof given === 'string' && isSameSecret(tokenOf(secret), given)
      if (!isKnown) throw new ProblemError('cross-site-refused')
    },
    tokenOf,
  }
}
