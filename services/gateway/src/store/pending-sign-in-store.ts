import { platformTenantId } from '@csr/contracts/services'
import type { Keyring } from '@csr/keyring/keyring'
import type { Postgres } from '@csr/postgres/connect'
import { statement, type Statement } from '@csr/postgres/statement'
import type { Clock } from '@csr/runtime/clock'

/** What is remembered of a sign-in while the browser is at the provider. */
export type PendingSignIn = { readonly returnTo: string; readonly fresh: boolean; readonly startedAt: string }

/** What a sign-in is found by: the provider, the `state` it sends back, and the cookie of the browser. */
export type SignInKey = { readonly provider: string; readonly state: string; readonly browser: string }

export interface PendingSignInStore {
  add(key: SignInKey, pending: Omit<PendingSignIn, 'startedAt'>): Promise<void>
  /** Takes a sign-in that was started at most `withinSeconds` ago, once: of several that ask one gets it, the others null. */
  take(key: SignInKey, withinSeconds: number): Promise<PendingSignIn | null>
}

type Deps = {
  readonly postgres: Pick<Postgres, 'group'>
  readonly keyring: Pick<Keyring, 'fingerprint'>
  readonly clock: Clock
}

/** Rows left behind by people who never came back, cleared with each new one. */
const clearedAtOnce = 100
const clearedAfterSeconds = 3_600

export function createPendingSignInStore({ postgres, keyring, clock }: Deps): PendingSignInStore {
  const fingerprintOf = ({ provider, state, browser }: SignInKey): string =>
    keyring.fingerprint(platformTenantId, 'sign-in', provider, state, browser)
  const before = (seconds: number): string => new Date(clock.nowMs() - seconds * 1_000).toISOString()

  return {
    async add(key, { returnTo, fresh }) {
      const row = { fingerprint: fingerprintOf(key), provider: key.provider, returnTo, fresh, startedAt: clock.now() }
      await postgres.group(platformTenantId, [clear(before(clearedAfterSeconds)), insert(row)])
    },
    async take(key, withinSeconds) {
      const [rows] = await postgres.group(platformTenantId, [remove(fingerprintOf(key))])
      const [row] = rows
      if (row === undefined || row.started_at < before(withinSeconds)) return null
      return { returnTo: row.return_to, fresh: row.fresh, startedAt: row.started_at }
    },
  }
}

type Row = { readonly return_to: string; readonly fresh: boolean; readonly started_at: string }

function insert(row: PendingSignIn & { readonly fingerprint: string; readonly provider: string }): Statement {
  const { fingerprint, provider, returnTo, fresh, startedAt } = row
  return statement(
    `insert into gateway.pending_sign_ins (tenant_id, fingerprint, provider, return_to, fresh, started_at)
     values ($1, $2, $3, $4, $5, $6)`,
    [platformTenantId, fingerprint, provider, returnTo, fresh, startedAt],
  )
}

function remove(fingerprint: string): Statement<Row> {
  return statement<Row>(
    `delete from gateway.pending_sign_ins where tenant_id = $1 and fingerprint = $2
     returning return_to, fresh, started_at`,
    [platformTenantId, fingerprint],
  )
}

// Rows that another gateway clears at this moment are left to it.
function clear(startedBefore: string): Statement {
  return statement(
    `delete from gateway.pending_sign_ins where tenant_id = $1 and fingerprint in (
       select fingerprint from gateway.pending_sign_ins where tenant_id = $1 and started_at < $2
       order by started_at limit ${clearedAtOnce} for update skip locked)`,
    [platformTenantId, startedBefore],
  )
}
