import { ProblemError } from '@csr/http/problem'
import type { Principal } from '@csr/http/route'
import type { Session, SessionStore } from '../store/session-store.ts'

/** The session a request came with; a token that belongs to none (a machine's, a developer's) has no account either. */
export async function ownSession(sessions: Pick<SessionStore, 'find'>, principal: Principal): Promise<Session> {
  const session = isId(principal.sessionId) ? await sessions.find(principal.sessionId) : null
  if (session?.accountId !== principal.actorId) throw new ProblemError('state-conflict', { detail: withoutSession })
  return session
}

/** The account behind a token; null for machines and developers. */
export function accountOf({ actorId, clientId }: Principal): string | null {
  return clientId === null && isId(actorId) ? actorId : null
}

const withoutSession = 'This token belongs to no session.'

function isId(value: string | null): value is string {
  return value !== null && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(value)
}
