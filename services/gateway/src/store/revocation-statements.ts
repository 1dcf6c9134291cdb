import { statement, type Statement } from '@csr/postgres/statement'

/** A session, or everything an account or a machine client holds. */
export type RevocationKind = 'session' | 'actor'

/** The longest life of an access token and the leeway of verifiers. */
const tokenLifeMs = 660_000

/** Access tokens issued up to this moment are refused by every service, once it has read the row: within 10 s. */
export function revokeTokens(kind: RevocationKind, id: string, atMs: number): Statement {
  return statement(
    `insert into gateway.token_revocations (tenant_id, kind, revoked_id, revoked_at, expires_at)
     values (ops.tenant_id(), $1, $2, $3, $4)
     on conflict (kind, revoked_id) do update
       set revoked_at = excluded.revoked_at, expires_at = excluded.expires_at`,
    [kind, id, new Date(atMs), new Date(atMs + tokenLifeMs)],
  )
}
