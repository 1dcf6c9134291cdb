import type { Clock } from '@csr/runtime/clock'
import { systemClock } from '@csr/runtime/clock'
import * as openid from 'openid-client'
import { idTokenAlgorithm, leewaySeconds, verifyIdToken } from './id-token.ts'
import { createLimitedFetch, type FetchLimits, type LimitedFetch } from './limited-fetch.ts'
import type { SignInSecrets } from './pending-sign-in.ts'
import { createProviderKeys } from './provider-keys.ts'
import { discover, type ProviderMetadata } from './provider-metadata.ts'
import { providerRules } from './provider-rules.ts'
import type { ProviderName, ProviderSettings } from './provider-settings.ts'
import { redeemCode } from './redeem-code.ts'
import { createRemembered } from './remembered.ts'
import { SignInRefusal, SignInRefused } from './sign-in-refusal.ts'
import type { VerifiedIdentity } from './verified-identity.ts'

/** One application at one provider: the authorization code flow with PKCE, and what follows from its answer. */
export interface Provider {
  readonly name: ProviderName
  readonly title: string
  /** where the browser goes to sign in; `fresh` asks for the person anew as far as the provider can */
  authorizationAddress(secrets: SignInSecrets, wanted: { readonly fresh: boolean }): Promise<string>
  /**
   * Redeems the code of a response (its query as it came) and verifies who signed in. Throws `SignInRefused`, and
   * `ProviderUnavailable` where the provider does not answer.
   */
  complete(query: string, pending: Pending): Promise<VerifiedIdentity>
  /** where the browser goes to end its session at the provider (RP-initiated logout); null where there is no such place */
  logoutAddress(returnTo: string): Promise<string | null>
}

type Pending = { readonly secrets: SignInSecrets; readonly fresh: boolean; readonly startedAt: string }

type Options = {
  readonly name: ProviderName
  readonly settings: ProviderSettings
  readonly clock: Clock
  readonly limits?: FetchLimits
}

/** The discovery document is asked for again each hour in the background, and serves a day while the provider is away. */
const metadataTimes = { freshMs: 3_600_000, keptMs: 86_400_000, coolDownMs: 5_000 }

export function createProvider({ name, settings, clock, limits }: Options): Provider {
  const rules = providerRules[name]
  const fetch = createLimitedFetch(limits)
  const discovered = createRemembered({ load: () => discover(settings.issuer, fetch), clock, ...metadataTimes })
  const keyOf = createProviderKeys({ address: async () => (await discovered.get()).jwks_uri, fetch, clock })
  const configure = (metadata: ProviderMetadata, ask: LimitedFetch = fetch) =>
    configuration({ metadata, settings, clock, ask })

  return {
    name,
    title: rules.title,
    async authorizationAddress({ state, nonce, codeVerifier }, { fresh }) {
      const config = configure(await discovered.get())
      return openid.buildAuthorizationUrl(config, {
        redirect_uri: settings.redirectUri,
        scope: 'openid email profile',
        code_challenge: await openid.calculatePKCECodeChallenge(codeVerifier),
        code_challenge_method: 'S256',
        ...{ state, nonce, ...(fresh && rules.freshParameters) },
      }).href
    },
    async complete(query, { secrets, fresh, startedAt }) {
      const url = new URL(`${settings.redirectUri}${query}`)
      const metadata = await discovered.get()
      const issued = await redeemCode(url, secrets, { metadata, configure, fetch, issuerOf: rules.issuerOf })
      const claims = await verifyIdToken(issued.idToken, {
        ...{ keyOf, clock, issuer: issued.issuer, clientId: settings.clientId, nonce: secrets.nonce },
      })
      if (fresh && claims.auth_time !== undefined && claims.auth_time + leewaySeconds < Date.parse(startedAt) / 1_000) {
        throw new SignInRefused(SignInRefusal.notFresh)
      }
      const { sub: subject, iss: issuer, name: personName = null, acr = null, amr = [] } = claims
      const described = rules.describe(claims, settings)
      return { provider: name, issuer, subject, name: personName, acr, amr, authenticatedAt: clock.now(), ...described }
    },
    async logoutAddress(returnTo) {
      const metadata = await discovered.get()
      if (metadata.end_session_endpoint === undefined) return null
      const back = new URL(returnTo, settings.redirectUri).href
      return openid.buildEndSessionUrl(configure(metadata), { post_logout_redirect_uri: back }).href
    },
  }
}

function configuration(options: {
  readonly metadata: ProviderMetadata
  readonly settings: ProviderSettings
  readonly clock: Clock
  readonly ask: LimitedFetch
}): openid.Configuration {
  const { metadata, settings, clock, ask } = options
  const config = new openid.Configuration(metadata as openid.ServerMetadata, settings.clientId, {
    client_secret: settings.clientSecret,
    id_token_signed_response_alg: idTokenAlgorithm,
    // the library asks the machine's clock; ours may be shifted
    [openid.clockSkew]: Math.round((clock.nowMs() - systemClock().nowMs()) / 1_000),
    [openid.clockTolerance]: leewaySeconds,
  })
  config[openid.customFetch] = ask
  // settings and discovery have refused plain addresses that are not loopback
  if (settings.issuer.startsWith('http:')) openid.allowInsecureRequests(config)
  return config
}
