import { listSessions } from '@csr/contracts/http/accounts'
import { route, type Route } from '@csr/http/route'
import type { SessionStore } from '../store/session-store.ts'
import { accountOf } from './own-session.ts'

const instant = (ms: number): string => new Date(ms).toISOString()

export function listSessionsRoute({ sessions }: { readonly sessions: Pick<SessionStore, 'list'> }): Route {
  return route({
    ...listSessions,
    async handle({ principal }) {
      const account = accountOf(principal)
      const listed = account === null ? [] : await sessions.list(account)
      const items = listed.map(({ id, kind, tenantId, provider, signedInAtMs, seenAtMs, expiresAtMs }) => ({
        ...{ id, kind, tenantId, provider, current: id === principal.sessionId },
        ...{ signedInAt: instant(signedInAtMs), seenAt: instant(seenAtMs), expiresAt: instant(expiresAtMs) },
      }))
      return { status: 200, body: { items } }
    },
  })
}
