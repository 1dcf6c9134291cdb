import { createToken } from '@csr/contracts/http/accounts'
import type { EdgeSessions } from '@csr/http/admit'
import type { Route } from '@csr/http/route'
import type { TokenTrust } from '@csr/http/token-trust'
import type { Upstream } from '@csr/http/upstream'
import type { Keyring } from '@csr/keyring/keyring'
import type { Ports } from '@csr/messaging/open-ports'
import { acceptInvitationRoute } from '../routes/accept-invitation.ts'
import { addMemberRoute } from '../routes/add-member.ts'
import { createTokenRoute } from '../routes/create-token.ts'
import { endSessionRoute, endSessionsRoute } from '../routes/end-session.ts'
import { getMeRoute } from '../routes/get-me.ts'
import { inviteColleagueRoute, inviteIntoTenantRoute, inviteParticipantRoute } from '../routes/invite.ts'
import { listOwnMembershipsRoute } from '../routes/list-own-memberships.ts'
import { listSessionsRoute } from '../routes/list-sessions.ts'
import {
  createMachineClientRoute,
  listMachineClientsRoute,
  removeMachineClientRoute,
} from '../routes/machine-clients.ts'
import { getSignInRulesRoute, putSignInRulesRoute } from '../routes/sign-in-rules.ts'
import { signOutRoute } from '../routes/sign-out.ts'
import { switchTenantRoute } from '../routes/switch-tenant.ts'
import type { GatewaySettings } from '../settings.ts'
import type { SignInSessions } from '../sign-in/verified-identity.ts'
import { createAccountStore } from '../store/account-store.ts'
import { createInvitationStore } from '../store/invitation-store.ts'
import { createLoginFailureStore } from '../store/login-failure-store.ts'
import { createMachineClientStore } from '../store/machine-client-store.ts'
import { createMembershipStore } from '../store/membership-store.ts'
import { createRefreshTokenStore } from '../store/refresh-token-store.ts'
import { createSessionStore } from '../store/session-store.ts'
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
  readonly ports: Pick<Ports, 'postgres' | 'clock' | 'ids'> & { readonly relay: { wake(): void } }
  readonly settings: Pick<
    GatewaySettings,
    | ('CSR_MODE' | 'PORT' | 'GATEWAY_ORIGINS' | 'GATEWAY_SESSION_IDLE_MINUTES' | 'GATEWAY_SESSION_HOURS')
    | ('GATEWAY_APPLICATION_DAYS' | 'GATEWAY_APPLICATION_IDLE_DAYS' | 'ACCESS_TOKEN_ISSUER')
  >
  readonly keyring: Keyring
  readonly tenants: Pick<TenantStore, 'exists'>
  readonly upstreams: { readonly profile: Pick<Upstream, 'call'> }
  readonly trust: Pick<TokenTrust, 'revoke'>
  readonly issue: IssueAccessToken
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
}

const dayMs = 86_400_000

/** Everything after a sign-in: accounts, memberships, invitations, sessions. */
export function openAccounts(deps: Deps): OpenAccounts {
  const { ports, settings, keyring, tenants } = deps
  const { clock } = ports
  const base = { ...ports, keyring }
  const accounts = createAccountStore(base)
  const memberships = createMembershipStore(base)
  const invitations = createInvitationStore(base)
  const failures = createLoginFailureStore(base)
  const sessions = createSessionStore({ ...base, onRevoked: deps.trust.revoke })
  const cookies = createCookies()
  const origins = settings.GATEWAY_ORIGINS ?? loopbackOrigins(settings)
  const crossSite = createCrossSiteCheck({ keyring, origins })
  const arrivals = createArrivals({ keyring, clock })
  const limits = {
    idleMs: settings.GATEWAY_SESSION_IDLE_MINUTES * 60_000,
    lifeMs: settings.GATEWAY_SESSION_HOURS * 3_600_000,
  }
  const applicationLimits = {
    idleMs: settings.GATEWAY_APPLICATION_IDLE_DAYS * dayMs,
    lifeMs: settings.GATEWAY_APPLICATION_DAYS * dayMs,
  }
  const clients = createMachineClientStore({ ...base, onRevoked: deps.trust.revoke })
  const audiences = [settings.ACCESS_TOKEN_ISSUER, ...origins.map((origin) => `${origin}${createToken.path}`)]
  const granting = { refreshTokens: createRefreshTokenStore(base), clients, applicationLimits, audiences }
  const all = {
    ...deps,
    ...ports,
    accounts,
    memberships,
    invitations,
    failures,
    sessions,
    cookies,
    crossSite,
    arrivals,
    limits,
  }
  const invited = acceptInvitations(all)
  return {
    cookies,
    edge: exchangeCookies(all),
    signIn: openSessions(all),
    routes: [
      getMeRoute(all),
      signOutRoute(all),
      listSessionsRoute(all),
      endSessionRoute(all),
      endSessionsRoute(all),
      listOwnMembershipsRoute(all),
      switchTenantRoute(all),
      acceptInvitationRoute({ invited }),
      inviteParticipantRoute({ invitations, profile: deps.upstreams.profile }),
      inviteColleagueRoute(all),
      inviteIntoTenantRoute({ invitations, tenants }),
      addMemberRoute(all),
      getSignInRulesRoute(all),
      putSignInRulesRoute(all),
      createTokenRoute({ tokens: grantTokens({ ...all, ...granting }) }),
      createMachineClientRoute({ clients }),
      listMachineClientsRoute({ clients }),
      removeMachineClientRoute({ clients }),
    ],
  }
}

/** Where `npm start` is reached: pages of the gateway itself, on this machine. */
function loopbackOrigins({ PORT, CSR_MODE }: Deps['settings']): readonly string[] {
  return CSR_MODE === 'development' ? [`http://127.0.0.1:${PORT}`, `http://localhost:${PORT}`] : []
}
