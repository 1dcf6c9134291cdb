import { platformTenantId } from '@csr/contracts/services'
import type { Keyring } from '@csr/keyring/keyring'
import { insertEvents } from '@csr/messaging/outbox'
import type { Postgres } from '@csr/postgres/connect'
import { statement, type Statement } from '@csr/postgres/statement'
import type { Clock } from '@csr/runtime/clock'
import type { Ids } from '@csr/runtime/ids'
import { loginSucceeded, tokenRevoked } from '../events.ts'
import { revokeTokens } from './revocation-statements.ts'

/** A signed-in browser, or an application that has refresh tokens. One tenant at a time. */
export type Session = {
  readonly id: string
  readonly tenantId: string
  readonly accountId: string
  readonly kind: 'browser' | 'app'
  readonly provider: string
  readonly secondFactor: boolean
  /** when our code flow was completed */
  readonly signedInAtMs: number
  readonly openedAtMs: number
  readonly seenAtMs: number
  /** by then it ends, however much it is used */
  readonly expiresAtMs: number
}

export type WantedSession = Omit<Session, 'id' | 'openedAtMs' | 'seenAtMs'> & {
  readonly requestId: string
  /** true where somebody just signed in: `login.succeeded` leaves with the session */
  readonly announced: boolean
  /** statements that take effect with it: first tokens of an application */
  readonly also?: (sessionId: string) => readonly Statement[]
}

export type SessionEnd = {
  readonly actorId: string
  readonly requestId: string
  readonly reason: 'signed-out' | 'replaced' | 'ended' | 'token-reused'
}

export interface SessionStore {
  /** the secret is told once: 256 bits, kept as an HMAC */
  open(wanted: WantedSession): Promise<{ session: Session; secret: string }>
  /** the session of a cookie, however old; null where there is none */
  findBySecret(secret: string): Promise<Session | null>
  find(sessionId: string): Promise<Session | null>
  /** of one account in all tenants, newest first */
  list(accountId: string): Promise<readonly Session[]>
  /** notes that a session is in use */
  touch(sessionId: string): Promise<void>
  /** the session goes, and what it signed is revoked everywhere within a minute; no session is no error */
  end(session: Pick<Session, 'id' | 'tenantId'>, end: SessionEnd): Promise<void>
}

type Deps = {
  readonly postgres: Pick<Postgres, 'group' | 'worker'>
  readonly keyring: Pick<Keyring, 'fingerprint'>
  readonly relay: { wake(): void }
  readonly clock: Clock
  readonly ids: Ids
  /** takes effect in this process at once */
  readonly onRevoked: (kind: 'session', id: string, atMs: number) => void
}

export function createSessionStore(deps: Deps): SessionStore {
  const { postgres, keyring, relay, clock, ids } = deps
  const hmacOf = (secret: string): string => keyring.fingerprint(platformTenantId, 'session', secret)

  async function selectOne(where: string, value: string): Promise<Session | null> {
    const [[row]] = await postgres.worker([statement<Row>(`${select} where ${where} = $1`, [value])])
    return row ? toSession(row) : null
  }

  return {
    async open(wanted) {
      const id = ids.uuid()
      const secret = ids.secret()
      const nowMs = clock.nowMs()
      const session: Session = { ...fieldsOf(wanted), id, openedAtMs: nowMs, seenAtMs: nowMs }
      const event = loginSucceeded({ ...wanted, sessionId: id }, { id: ids.uuid(), time: clock.now() })
      await postgres.group(wanted.tenantId, [
        insertSession(session, wanted.kind === 'browser' ? hmacOf(secret) : null),
        ...(wanted.also?.(id) ?? []),
        ...(wanted.announced ? [insertEvents('gateway', [event])] : []),
      ])
      if (wanted.announced) relay.wake()
      return { session, secret }
    },
    findBySecret: (secret) => selectOne('secret', hmacOf(secret)),
    find: (sessionId) => selectOne('session_id', sessionId),
    async list(accountId) {
      const text = `${select} where account_id = $1 and expires_at > $2 order by opened_at desc, session_id limit 100`
      const [rows] = await postgres.worker([statement<Row>(text, [accountId, clock.now()])])
      return rows.map(toSession)
    },
    async touch(sessionId) {
      const update = statement('update gateway.sessions set seen_at = $2 where session_id = $1 and seen_at < $2', [
        sessionId,
        clock.now(),
      ])
      await postgres.worker([update])
    },
    async end({ id, tenantId }, { actorId, requestId, reason }) {
      const atMs = clock.nowMs()
      const revoked = { tenantId, kind: 'session', id, reason, actorId, requestId } as const
      const event = tokenRevoked(revoked, { id: ids.uuid(), time: clock.now() })
      await postgres.group(tenantId, [
        statement('delete from gateway.sessions where session_id = $1', [id]),
        revokeTokens('session', id, atMs),
        insertEvents('gateway', [event]),
      ])
      deps.onRevoked('session', id, atMs)
      relay.wake()
    },
  }
}

function fieldsOf(wanted: WantedSession) {
  const { tenantId, accountId, kind, provider, secondFactor, signedInAtMs, expiresAtMs } = wanted
  return { tenantId, accountId, kind, provider, secondFactor, signedInAtMs, expiresAtMs }
}

const columns = [
  ...['tenant_id', 'session_id', 'account_id', 'kind', 'provider', 'second_factor'],
  ...['signed_in_at', 'opened_at', 'seen_at', 'expires_at'],
].join(', ')
const select = `select ${columns} from gateway.sessions`

type Row = {
  readonly tenant_id: string
  readonly session_id: string
  readonly account_id: string
  readonly kind: Session['kind']
  readonly provider: string
  readonly second_factor: boolean
  readonly signed_in_at: string
  readonly opened_at: string
  readonly seen_at: string
  readonly expires_at: string
}

function toSession(row: Row): Session {
  return {
    id: row.session_id,
    tenantId: row.tenant_id,
    accountId: row.account_id,
    kind: row.kind,
    provider: row.provider,
    secondFactor: row.second_factor,
    signedInAtMs: Date.parse(row.signed_in_at),
    openedAtMs: Date.parse(row.opened_at),
    seenAtMs: Date.parse(row.seen_at),
    expiresAtMs: Date.parse(row.expires_at),
  }
}

function insertSession(session: Session, secret: string | null): Statement {
  const { id, accountId, kind, provider, secondFactor } = session
  const times = [session.signedInAtMs, session.openedAtMs, session.seenAtMs, session.expiresAtMs]
  return statement(
    `insert into gateway.sessions (${columns}, secret)
     values (ops.tenant_id(), $1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
    [id, accountId, kind, provider, secondFactor, ...times.map((ms) => new Date(ms)), secret],
  )
}
