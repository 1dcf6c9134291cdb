import { platformTenantId } from '@csr/contracts/services'
import type { Keyring } from '@csr/keyring/keyring'
import type { Postgres } from '@csr/postgres/connect'
import { statement, type Statement } from '@csr/postgres/statement'
import type { Clock } from '@csr/runtime/clock'

/** What is known of a refresh token that was presented. */
export type PresentedToken = {
  readonly tenantId: string
  readonly sessionId: string
  /** null while it is unused */
  readonly usedAtMs: number | null
  /** true once the token that took its place was used */
  readonly successorUsed: boolean
}

export interface RefreshTokenStore {
  /** null where it is none of ours, or its session is over */
  find(token: string): Promise<PresentedToken | null>
  /** the row of a session's first token, to be written with the session */
  first(token: string, sessionId: string): Statement
  /** marks the token as used and makes its successor: the same one however often it is asked */
  use(token: string, presented: PresentedToken): Promise<string>
}

type Deps = {
  readonly postgres: Pick<Postgres, 'group' | 'worker'>
  readonly keyring: Pick<Keyring, 'fingerprint'>
  readonly clock: Clock
}

type Row = {
  readonly tenant_id: string
  readonly session_id: string
  readonly used_at: string | null
  readonly successor_used: boolean
}

/**
 * Refresh tokens: 256 bits each, kept as HMACs. A token's successor is an HMAC of it under a key of ours, so that two tabs
 * that present the same token get the same answer without its being stored anywhere.
 */
export function createRefreshTokenStore({ postgres, keyring, clock }: Deps): RefreshTokenStore {
  const hmacOf = (token: string): string => keyring.fingerprint(platformTenantId, 'refresh-token', token)
  const successorOf = (token: string): string => keyring.fingerprint(platformTenantId, 'refresh-successor', token)
  const insert = (token: string, sessionId: string): Statement =>
    statement(
      `insert into gateway.refresh_tokens (tenant_id, token, session_id, issued_at)
       values (ops.tenant_id(), $1, $2, $3) on conflict (token) do nothing`,
      [hmacOf(token), sessionId, clock.now()],
    )
  return {
    first: insert,
    async find(token) {
      const select = statement<Row>(
        `select t.tenant_id, t.session_id, t.used_at, coalesce(s.used_at is not null, false) as successor_used
         from gateway.refresh_tokens t left join gateway.refresh_tokens s on s.token = $2
         where t.token = $1`,
        [hmacOf(token), hmacOf(successorOf(token))],
      )
      const [[row]] = await postgres.worker([select])
      if (!row) return null
      const usedAtMs = row.used_at === null ? null : Date.parse(row.used_at)
      return { tenantId: row.tenant_id, sessionId: row.session_id, usedAtMs, successorUsed: row.successor_used }
    },
    async use(token, { tenantId, sessionId }) {
      const successor = successorOf(token)
      const mark = statement('update gateway.refresh_tokens set used_at = $2 where token = $1 and used_at is null', [
        hmacOf(token),
        clock.now(),
      ])
      await postgres.group(tenantId, [mark, insert(successor, sessionId)])
      return successor
    },
  }
}
