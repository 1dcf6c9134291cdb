import { createToken } from '@csr/contracts/http/tokens'
import type { EdgeSessions } from '@csr/http/admit'
import type { Route } from '@csr/http/route'
import type { TokenTrust } from '@csr/http/token-trust'
import type { Upstream } from '@csr/http/upstream'
import type { Keyring } from '@csr/keyring/keyring'
import type { Ports } from '@csr/messaging/open-ports'
import type { Resource } from '@csr/runtime/lifecycle'
import { closeTenants, type TenantCloser } from '../jobs/close-tenants.ts'
import { forgetExpired } from '../jobs/forget-expired.ts'
import type { RefusalRecorder } from '../jobs/record-refusals.ts'
import { acceptInvitationRoute } from '../routes/accept-invitation.ts'
import { addMemberRoute } from '../routes/add-member.ts'
import { createTenantRoute } from '../routes/create-tenant.ts'
import { createTokenRoute } from '../routes/create-token.ts'
import { endSessionRoute, endSessionsRoute } from '../routes/end-session.ts'
import { getMeRoute } from '../routes/get-me.ts'
import { handOverRoutes } from '../routes/hand-over.ts'
import { invitationRoutes } from '../routes/invitations.ts'
import { inviteColleagueRoute, inviteIntoTenantRoute, inviteParticipantRoute } from '../routes/invite.ts'
import { listOwnMembershipsRoute } from '../routes/list-own-memberships.ts'
import { listSessionsRoute } from '../routes/list-sessions.ts'
import { listTenantsRoute } from '../routes/list-tenants.ts'
import {
  createMachineClientRoute,
  listMachineClientsRoute,
  removeMachineClientRoute,
} from '../routes/machine-clients.ts'
import { endMembershipRoute, listMembershipsRoute } from '../routes/memberships.ts'
import { getSignInRulesRoute, putSignInRulesRoute } from '../routes/sign-in-rules.ts'
import { signOutRoute } from '../routes/sign-out.ts'
import { switchTenantRoute } from '../routes/switch-tenant.ts'
import { tenantLifeRoutes } from '../routes/tenant-life.ts'
import type { GatewaySettings } from '../settings.ts'
import type { SignInSessions } from '../sign-in/verified-identity.ts'
import { createAccountStore } from '../store/account-store.ts'
import { createBindingStore } from '../store/binding-store.ts'
import { createExpiryStore } from '../store/expiry-store.ts'
import { createInvitationStore } from '../store/invitation-store.ts'
import { createMachineClientStore } from '../store/machine-client-store.ts'
import { createMembershipStore } from '../store/membership-store.ts'
import { createRefreshTokenStore } from '../store/refresh-token-store.ts'
import { createSessionStore } from '../store/session-store.ts'
import { createSignInRuleStore } from '../store/sign-in-rule-store.ts'
import { createTenantLifeStore } from '../store/tenant-life-store.ts'
import type { TenantStore } from '../store/tenant-store.ts'
import { grantTokens } from '../tokens/grant-tokens.ts'
import type { IssueAccessToken } from '../tokens/issue-access-token.ts'
import { acceptInvitations } from './accept-invitation.ts'
import { createArrivals } from './arrival.ts'
import { createCookies, type Cookies } from './cookies.ts'
import { createCrossSiteCheck } from './cross-site.ts'
import { exchangeCookies } from './exchange-cookie.ts'
import { openSessions } from './open-session.ts'

type Deps = {
  readonly ports: Pick<Ports, 'postgres' | 'clock' | 'ids' | 'logger'> & { readonly relay: { wake(): void } }
  readonly settings: Pick<
    GatewaySettings,
    | ('CSR_MODE' | 'PORT' | 'GATEWAY_ORIGINS' | 'GATEWAY_SESSION_IDLE_MINUTES' | 'GATEWAY_SESSION_HOURS')
    | 'GATEWAY_CLOSURE_DAYS'
    | ('GATEWAY_APPLICATION_DAYS' | 'GATEWAY_APPLICATION_IDLE_DAYS' | 'ACCESS_TOKEN_ISSUER')
  >
  readonly keyring: Keyring
  readonly tenants: TenantStore
  readonly upstreams: { readonly profile: Pick<Upstream, 'call'> }
  readonly trust: Pick<TokenTrust, 'revoke' | 'isRevoked' | 'stopOf' | 'reread'>
  readonly issue: IssueAccessToken
  readonly refusals: Pick<RefusalRecorder, 'signInRefused'>
  /** where a provider ends its own session */
  readonly providerLogoutUrl: (provider: string) => Promise<string | null>
}

export type OpenAccounts = {
  readonly routes: readonly Route[]
  /** what stands behind the cookies of browsers */
  readonly edge: EdgeSessions
  /** what a completed sign-in is handed to */
  readonly signIn: SignInSessions
  readonly cookies: Cookies
  /** ends tenants whose time has come */
  readonly closer: Pick<TenantCloser, 'look'>
  /** started after the database */
  readonly resources: readonly Resource[]
}

/** Everything after a sign-in: accounts, memberships, invitations, sessions, and the tokens they are good for. */
export function openAccounts(deps: Deps): OpenAccounts {
  const parts = openParts(deps)
  return {
    cookies: parts.cookies,
    edge: exchangeCookies(parts),
    signIn: openSessions(parts),
    routes: routesOf(deps, parts),
    closer: parts.closer,
    resources: [forgetExpired({ expiry: createExpiryStore(parts), logger: deps.ports.logger }), parts.closer],
  }
}

/** Stores and checks over one set of ports. */
function openParts({ ports, settings, keyring, tenants, trust, issue, refusals }: Deps) {
  const all = { ...ports, keyring, issue, trust, refusals, onRevoked: trust.revoke }
  const origins = settings.GATEWAY_ORIGINS ?? loopbackOrigins(settings)
  const life = createTenantLifeStore(all)
  return {
    ...all,
    ...{ tenants, life, closer: closeTenants({ life, logger: ports.logger }) },
    closureDays: settings.GATEWAY_CLOSURE_DAYS,
    accounts: createAccountStore(all),
    memberships: createMembershipStore(all),
    bindings: createBindingStore(all),
    rules: createSignInRuleStore(all),
    invitations: createInvitationStore(all),
    sessions: createSessionStore(all),
    refreshTokens: createRefreshTokenStore(all),
    clients: createMachineClientStore(all),
    cookies: createCookies(),
    crossSite: createCrossSiteCheck({ keyring, origins }),
    arrivals: createArrivals(all),
    limits: {
      idleMs: settings.GATEWAY_SESSION_IDLE_MINUTES * 60_000,
      lifeMs: settings.GATEWAY_SESSION_HOURS * 3_600_000,
    },
    applicationLimits: {
      idleMs: settings.GATEWAY_APPLICATION_IDLE_DAYS * dayMs,
      lifeMs: settings.GATEWAY_APPLICATION_DAYS * dayMs,
    },
    audiences: [settings.ACCESS_TOKEN_ISSUER, ...origins.map((origin) => `${origin}${createToken.path}`)],
  }
}

const dayMs = 86_400_000

function routesOf({ upstreams, providerLogoutUrl }: Deps, parts: ReturnType<typeof openParts>): Route[] {
  const all = { ...parts, providerLogoutUrl, profile: upstreams.profile }
  return [
    getMeRoute(all),
    signOutRoute(all),
    listSessionsRoute(all),
    endSessionRoute(all),
    endSessionsRoute(all),
    listOwnMembershipsRoute(all),
    switchTenantRoute(all),
    acceptInvitationRoute({ invited: acceptInvitations(all) }),
    inviteParticipantRoute(all),
    inviteColleagueRoute(all),
    inviteIntoTenantRoute(all),
    ...invitationRoutes(all),
    createTenantRoute(all),
    listTenantsRoute(all),
    ...tenantLifeRoutes(all),
    ...handOverRoutes(all),
    listMembershipsRoute(all),
    endMembershipRoute(all),
    addMemberRoute(all),
    getSignInRulesRoute(all),
    putSignInRulesRoute(all),
    createTokenRoute({ tokens: grantTokens(all) }),
    createMachineClientRoute(all),
    listMachineClientsRoute(all),
    removeMachineClientRoute(all),
  ]
}

/** Where `npm start` is reached: pages of the gateway itself, on this machine. */
function loopbackOrigins({ PORT, CSR_MODE }: Deps['settings']): readonly string[] {
  return CSR_MODE === 'development' ? [`http://127.0.0.1:${PORT}`, `http://localhost:${PORT}`] : []
}
