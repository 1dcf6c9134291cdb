import { endSession, endSessions } from '@csr/contracts/http/accounts'
import { ProblemError } from '@csr/http/problem'
import { route, type Route } from '@csr/http/route'
import { CookieName, type Cookies } from '../sessions/cookies.ts'
import type { SessionStore } from '../store/session-store.ts'
import { accountOf } from './own-session.ts'

type Deps = { readonly sessions: Pick<SessionStore, 'list' | 'find' | 'end'>; readonly cookies: Pick<Cookies, 'clear'> }

export function endSessionRoute({ sessions }: Deps): Route {
  return route({
    ...endSession,
    async handle({ params, principal, requestId }) {
      const session = await sessions.find(params.id)
      if (session === null || session.accountId !== accountOf(principal)) throw new ProblemError('resource-not-found')
      await sessions.end(session, { actorId: principal.actorId, requestId, reason: 'ended' })
      return { status: 204 }
    },
  })
}

/** Signs out everywhere. */
export function endSessionsRoute({ sessions, cookies }: Deps): Route {
  return route({
    ...endSessions,
    async handle({ principal, requestId }) {
      const account = accountOf(principal)
      const listed = account === null ? [] : await sessions.list(account)
      for (const session of listed)
        await sessions.end(session, { actorId: principal.actorId, requestId, reason: 'ended' })
      return { status: 204, headers: { 'set-cookie': cookies.clear(CookieName.session) } }
    },
  })
}
