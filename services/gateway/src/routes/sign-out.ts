import { signOut } from '@csr/contracts/http/accounts'
import { route, type Route } from '@csr/http/route'
import { CookieName, type Cookies } from '../sessions/cookies.ts'
import type { SessionStore } from '../store/session-store.ts'

type Deps = {
  readonly sessions: Pick<SessionStore, 'find' | 'end'>
  readonly cookies: Pick<Cookies, 'clear'>
  /** where the provider ends its own session */
  readonly providerLogoutUrl: (provider: string) => Promise<string | null>
}

/** Revokes what the token's session signed, also where the session itself is gone already. */
export function signOutRoute({ sessions, cookies, providerLogoutUrl }: Deps): Route {
  return route({
    ...signOut,
    async handle({ principal, requestId }) {
      const { sessionId, tenantId, actorId, clientId } = principal
      const session = sessionId === null || clientId !== null ? null : await sessions.find(sessionId)
      if (sessionId !== null) {
        await sessions.end({ id: sessionId, tenantId }, { actorId, requestId, reason: 'signed-out' })
      }
      return {
        status: 200,
        body: { providerLogoutUrl: session ? await providerLogoutUrl(session.provider) : null },
        headers: { 'set-cookie': cookies.clear(CookieName.session) },
      }
    },
  })
}
