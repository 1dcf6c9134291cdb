import type { Route } from '@csr/http/route'
import { readTokenTrust, type TokenTrust } from '@csr/http/token-trust'
import { createTokenVerifier, type TokenVerifier } from '@csr/http/token-verifier'
import type { Keyring } from '@csr/keyring/keyring'
import type { Ports } from '@csr/messaging/open-ports'
import type { Resource } from '@csr/runtime/lifecycle'
import { keepSigningKeys } from '../jobs/keep-signing-keys.ts'
import { createDevelopmentTokenRoute } from '../routes/create-development-token.ts'
import { getJwksRoute } from '../routes/get-jwks.ts'
import { listSigningKeysRoute } from '../routes/list-signing-keys.ts'
import { rotateSigningKeyRoute } from '../routes/rotate-signing-key.ts'
import type { GatewaySettings } from '../settings.ts'
import { createSigningKeyStore } from '../store/signing-key-store.ts'
import { createAccessTokenIssuer, type IssueAccessToken } from './issue-access-token.ts'
import { createTokenSigner } from './sign-token.ts'
import { createSigningKeys } from './signing-keys.ts'

export type OpenTokens = {
  readonly issue: IssueAccessToken
  readonly trust: Pick<TokenTrust, 'revoke' | 'isRevoked' | 'stopOf' | 'reread'>
  readonly verifier: TokenVerifier
  readonly routes: readonly Route[]
  /** started after database and keyring */
  readonly resources: readonly Resource[]
}

/** Signing keys and what is made and verified with them. Development mode has one route more. */
export function openTokens(ports: Ports, settings: GatewaySettings, keyring: Keyring): OpenTokens {
  const { service, logger, clock, ids, postgres } = ports
  const { ACCESS_TOKEN_ISSUER: issuer, PUBLIC_KEYS_DIR: publicKeysDir, CSR_MODE: mode } = settings
  const keys = createSigningKeys({
    store: createSigningKeyStore({ ...ports, keyring }),
    ...{ clock, logger, firstKeyFile: settings.GATEWAY_SIGNING_KEY_FILE },
    ...{ leadSeconds: settings.GATEWAY_SIGNING_KEY_LEAD_SECONDS, lifeDays: settings.GATEWAY_SIGNING_KEY_DAYS },
  })
  const upkeep = keepSigningKeys({ keys, hold: (name, signal) => postgres.hold(name, signal), logger })
  const signer = createTokenSigner(keys)
  const trust = readTokenTrust(ports)
  return {
    issue: createAccessTokenIssuer({ signer, issuer, clock, ids }),
    trust,
    verifier: createTokenVerifier({ service, publicKeysDir, clock, issuer, trust }),
    resources: [keys, trust, upkeep],
    routes: [
      getJwksRoute({ keys }),
      listSigningKeysRoute({ keys }),
      rotateSigningKeyRoute({ keys }),
      ...(mode === 'development' ? [createDevelopmentTokenRoute({ signer, issuer, clock, ids })] : []),
    ],
  }
}
