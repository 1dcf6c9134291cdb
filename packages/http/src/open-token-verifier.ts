import type { Service } from '@csr/contracts/services'
import type { Postgres } from '@csr/postgres/connect'
import type { Clock } from '@csr/runtime/clock'
import type { Resource } from '@csr/runtime/lifecycle'
import type { Logger } from '@csr/runtime/logger'
import { readTokenTrust } from './token-trust.ts'
import { createTokenVerifier, type TokenVerifier } from './token-verifier.ts'

type Ports = {
  readonly service: Service
  readonly postgres: Pick<Postgres, 'worker'>
  readonly clock: Clock
  readonly logger: Logger
}

/** The settings of `settingFields` that a verifier is made of. */
type VerifierSettings = { readonly PUBLIC_KEYS_DIR: string; readonly ACCESS_TOKEN_ISSUER: string }

/** The token verifier of a service from its ports and settings; started after the database. */
export function openTokenVerifier(ports: Ports, settings: VerifierSettings): TokenVerifier & Resource {
  const { service, clock } = ports
  const { PUBLIC_KEYS_DIR: publicKeysDir, ACCESS_TOKEN_ISSUER: issuer } = settings
  const trust = readTokenTrust(ports)
  return { ...trust, ...createTokenVerifier({ service, publicKeysDir, clock, issuer, trust }) }
}
