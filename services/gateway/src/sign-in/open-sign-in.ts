import type { Route } from '@csr/http/route'
import type { Keyring } from '@csr/keyring/keyring'
import type { Ports } from '@csr/messaging/open-ports'
import { completeSignInRoute } from '../routes/complete-sign-in.ts'
import { listAuthProvidersRoute } from '../routes/list-auth-providers.ts'
import { startSignInRoute } from '../routes/start-sign-in.ts'
import type { Cookies } from '../sessions/cookies.ts'
import type { GatewaySettings } from '../settings.ts'
import { createPendingSignInStore } from '../store/pending-sign-in-store.ts'
import { providerNames, providerSettings } from './provider-settings.ts'
import { createProvider, type Provider } from './provider.ts'
import type { SignInSessions } from './verified-identity.ts'

type Deps = {
  readonly ports: Pick<Ports, 'postgres' | 'clock' | 'ids'>
  readonly settings: GatewaySettings
  readonly keyring: Pick<Keyring, 'fingerprint'>
}

export type OpenSignIn = {
  /** where a provider ends its own session; null where it has no such place, or is not offered any more */
  logoutUrl(provider: string): Promise<string | null>
  /** `sessions` is what a completed sign-in is handed to */
  routes(after: { readonly sessions: SignInSessions; readonly cookies: Cookies }): readonly Route[]
}

/** Everything up to a verified identity: the providers of the settings, and the way there and back. */
export function openSignIn({ ports, settings, keyring }: Deps): OpenSignIn {
  const { clock, ids } = ports
  const providers = new Map<string, Provider>()
  for (const name of providerNames) {
    const application = providerSettings(name, settings)
    if (application !== null) providers.set(name, createProvider({ name, settings: application, clock }))
  }
  const pending = createPendingSignInStore({ ...ports, keyring })
  const invitationPath = settings.GATEWAY_INVITATION_PATH
  const returnPaths = [...settings.GATEWAY_RETURN_PATHS, invitationPath]
  return {
    // signing out here does not depend on whether the provider answers
    logoutUrl: async (name) =>
      (await providers
        .get(name)
        ?.logoutAddress(returnPaths[0] ?? '/')
        .catch(() => null)) ?? null,
    routes: ({ sessions, cookies }) => [
      listAuthProvidersRoute({ providers }),
      startSignInRoute({ providers, pending, returnPaths, cookies, ids }),
      completeSignInRoute({ providers, pending, sessions, cookies, invitationPath }),
    ],
  }
}
