import { AsyncLocalStorage } from 'node:async_hooks'
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { Provider, interactionPolicy, type Configuration, type KoaContextWithOIDC } from 'oidc-provider'
import { directoryTemplate, localClientId, localIssuers } from './addresses.ts'
import { demoPeople, objectIdOf, subjectOf, type DemoPerson, type LocalProvider } from './demo-people.ts'

export type LocalProviderOptions = {
  readonly origin: string
  /** where the gateway answers browsers */
  readonly gatewayUrl: string
  readonly clientSecret: string
}

/** What one request is about: at Entra the directory of its path, and, once the person is known, their own. */
type Scene = { issuer: string }
const scenes = new AsyncLocalStorage<Scene>()

/** Runs the work of one request under an issuer: Entra has one for each directory behind the same endpoints. */
export function underIssuer(issuer: string, work: () => void): void {
  scenes.run({ issuer }, work)
}

/** A provider on loopback that behaves like Google or like Entra, as far as a relying party can tell. */
export function createLocalProvider(kind: LocalProvider, options: LocalProviderOptions): Provider {
  const { origin, gatewayUrl, clientSecret } = options
  const issuers = localIssuers(origin)
  const own = kind === 'google' ? issuers.google : issuers.azure(directoryTemplate)
  const provider = new Provider(kind === 'google' ? own : `${origin}/azure`, {
    ...configurationOf(kind, issuers.of),
    clients: [
      {
        client_id: localClientId[kind],
        client_secret: clientSecret,
        redirect_uris: [`${gatewayUrl}/v1/auth/callback/${kind}`],
        post_logout_redirect_uris: [`${gatewayUrl}/docs`],
        grant_types: ['authorization_code'],
        response_types: ['code'],
        token_endpoint_auth_method: 'client_secret_post',
      },
    ],
  })
  // every token and answer names the issuer of its own request
  Object.defineProperty(provider, 'issuer', { get: () => scenes.getStore()?.issuer ?? own })
  provider.use(async (ctx, next) => {
    await next()
    if (kind === 'azure') likeEntra(ctx as KoaContextWithOIDC)
  })
  return provider
}

function configurationOf(kind: LocalProvider, issuerOf: (person: DemoPerson) => string): Configuration {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 })
  const people = demoPeople.filter(({ provider }) => provider === kind)
  return {
    jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256' }] },
    claims: {
      openid: ['sub', ...(kind === 'google' ? ['azp', 'hd'] : ['tid', 'oid', 'ver'])],
      email: kind === 'google' ? ['email', 'email_verified'] : ['email'],
      profile: kind === 'google' ? ['name', 'given_name', 'family_name'] : ['name', 'preferred_username'],
    },
    conformIdTokenClaims: false,
    enabledJWA: { idTokenSigningAlgValues: ['RS256'] },
    responseTypes: ['code'],
    scopes: ['openid', 'email', 'profile'],
    pkce: { required: () => true },
    cookies: { names: cookieNames(kind), long: { path: `/${kind}` }, short: { path: `/${kind}` }, keys: [cookieKey] },
    features: {
      devInteractions: { enabled: false },
      userinfo: { enabled: true },
      rpInitiatedLogout: { enabled: kind === 'azure' },
    },
    routes: kind === 'google' ? googleRoutes : entraRoutes,
    interactions: {
      policy: kind === 'google' ? googlePrompts() : entraPrompts(),
      url: (_ctx, interaction) => `/${kind}/choose/${interaction.uid}`,
    },
    ttl: {
      Interaction: 600,
      Session: 86_400,
      Grant: 86_400,
      IdToken: 3_600,
      AccessToken: 3_600,
      AuthorizationCode: 60,
    },
    findAccount: (_ctx, accountId) => accountOf(people, accountId, issuerOf),
    loadExistingGrant: grantAll,
  }
}

/** The person behind a subject; from here on the request speaks for the issuer of their directory. */
function accountOf(people: readonly DemoPerson[], accountId: string, issuerOf: (person: DemoPerson) => string) {
  const person = people.find((one) => subjectOf(one) === accountId)
  if (person === undefined) return undefined
  const scene = scenes.getStore()
  if (scene !== undefined) scene.issuer = issuerOf(person)
  return { accountId, claims: () => claimsOf(person) }
}

/** Nobody is asked for consent. */
async function grantAll({ oidc }: KoaContextWithOIDC) {
  const { client, session, provider } = oidc
  const grant = new provider.Grant({ clientId: client?.clientId ?? '', accountId: session?.accountId ?? '' })
  grant.addOIDCScope('openid email profile')
  await grant.save()
  return grant
}

/** Claims as the two send them: Google has no `auth_time`, `acr` and `amr`, Entra no `email_verified`. */
function claimsOf(person: DemoPerson) {
  const { provider, email, name, hd, tid } = person
  const sub = subjectOf(person)
  if (provider === 'azure') {
    return { sub, tid, email, name, preferred_username: email, oid: objectIdOf(person), ver: '2.0' }
  }
  const [given, family] = name.split(' ')
  const described = { name, given_name: given, family_name: family, email, email_verified: true }
  return { sub, azp: localClientId.google, ...described, ...(hd !== undefined && { hd }) }
}

/** Google knows `prompt=select_account`; it refuses `prompt=login` as invalid. */
function googlePrompts() {
  const prompts = entraPrompts()
  const login = prompts.get('login')
  if (login !== undefined) login.requestable = false
  return prompts
}

function entraPrompts() {
  const prompts = interactionPolicy.base()
  prompts.remove('consent')
  prompts.add(new interactionPolicy.Prompt({ name: 'select_account', requestable: true }))
  return prompts
}

/** Entra names no issuer in its responses (RFC 9207), and does not announce that it would. */
function likeEntra(ctx: KoaContextWithOIDC): void {
  const name = 'authorization_response_iss_parameter_supported'
  const body = ctx.body as Record<string, unknown> | null | undefined
  if (typeof body === 'object' && body !== null && name in body) ctx.body = { ...body, [name]: undefined }
  const location = ctx.response.get('location') as string | undefined
  if (!location?.includes('iss=') || !URL.canParse(location)) return
  const address = new URL(location)
  address.searchParams.delete('iss')
  ctx.response.set('location', address.href)
}

/** Signs the provider's own cookies, for as long as its process lives. */
const cookieKey = randomBytes(32).toString('base64url')

const cookieNames = (kind: LocalProvider) => ({
  session: `${kind}-session`,
  interaction: `${kind}-interaction`,
  resume: `${kind}-resume`,
})

const googleRoutes = {
  authorization: '/o/oauth2/v2/auth',
  token: '/token',
  jwks: '/oauth2/v3/certs',
  userinfo: '/v1/userinfo',
}

const entraRoutes = {
  authorization: '/oauth2/v2.0/authorize',
  token: '/oauth2/v2.0/token',
  jwks: '/discovery/v2.0/keys',
  userinfo: '/oidc/userinfo',
  end_session: '/oauth2/v2.0/logout',
}
