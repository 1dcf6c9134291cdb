import type { SuspensionReason } from '@csr/contracts/events/tenants'
import { platformTenantId } from '@csr/contracts/services'
import { insertEvents } from '@csr/messaging/outbox'
import type { Postgres } from '@csr/postgres/connect'
import { isStale } from '@csr/postgres/errors'
import { arrayOf, statement, type Statement } from '@csr/postgres/statement'
import type { Clock } from '@csr/runtime/clock'
import type { Ids } from '@csr/runtime/ids'
import {
  closureRequested,
  tenantErasureDue,
  tenantSuspended,
  tenantTold,
  type By,
  type GatewayEvent,
} from '../events.ts'

type OfTenant = By & { readonly tenantId: string }

/** A tenant whose end goes on: to be closed, or to be erased. */
export type Ending = { readonly tenantId: string; readonly askedBy: string; readonly step: 'close' | 'erase' }

/** Each change commits with its event, and only where the tenant is still as the change expects: false where it is not. */
export interface TenantLifeStore {
  suspend(suspended: OfTenant & { readonly reason: SuspensionReason }): Promise<boolean>
  resume(resumed: OfTenant): Promise<boolean>
  close(closure: OfTenant & { readonly closesAt: string }): Promise<boolean>
  keep(kept: OfTenant): Promise<boolean>
  /** what is due by now, across tenants */
  endings(): Promise<readonly Ending[]>
  /** ends all access and forgets who had it */
  endAccess(ending: Ending): Promise<boolean>
  /** asks for the destruction of the keys, and forgets accounts that were members of closed tenants only */
  askErasure(ending: Ending): Promise<boolean>
}

type Deps = {
  readonly postgres: Pick<Postgres, 'group' | 'worker'>
  readonly relay: { wake(): void }
  readonly clock: Clock
  readonly ids: Ids
}

/** Longer than any service may rely on what it read of a tenant: nobody adds to a closed one after that. */
export const erasureDelayMs = 120_000
const endingMs = 20_000
/** of one event: far below its 256 KB */
const accountsPerEvent = 1_000

export function createTenantLifeStore(deps: Deps): TenantLifeStore {
  const { postgres, relay, clock, ids } = deps
  const stamp = () => ({ id: ids.uuid(), time: clock.now() })

  async function commit(tenantId: string, changed: Statement, event: GatewayEvent): Promise<boolean> {
    return await ifFresh(async () => {
      await postgres.group(tenantId, [changed, insertEvents('gateway', [event])])
      relay.wake()
    })
  }

  return {
    suspend: (suspended) =>
      commit(suspended.tenantId, suspend(clock.now(), suspended.reason), tenantSuspended(suspended, stamp())),
    resume: (resumed) => commit(resumed.tenantId, resume, tenantTold('gateway.tenant.resumed.v1', resumed, stamp())),
    close: (closure) =>
      commit(closure.tenantId, close(closure.closesAt, closure.actorId), closureRequested(closure, stamp())),
    keep: (kept) => commit(kept.tenantId, keep, tenantTold('gateway.closure.withdrawn.v1', kept, stamp())),
    async endings() {
      const [rows] = await postgres.worker([selectEndings(clock.nowMs())])
      return rows.map((row) => ({ tenantId: row.tenant_id, askedBy: row.closure_asked_by, step: row.step }))
    },
    async endAccess({ tenantId, askedBy }) {
      const told = { tenantId, actorId: askedBy, requestId: ids.uuid() }
      const event = tenantTold('gateway.tenant.closed.v1', told, stamp())
      return await ifFresh(async () => {
        const ends = [endAccess(clock.now()), ...forgetMembers, insertEvents('gateway', [event])]
        await postgres.group(tenantId, ends, { deadlineMs: endingMs })
        relay.wake()
      })
    },
    askErasure: (ending) => ifFresh(() => askErasure(deps, ending)),
  }
}

async function askErasure({ postgres, relay, clock, ids }: Deps, { tenantId, askedBy }: Ending): Promise<void> {
  const [closed] = await postgres.worker([selectClosed])
  const closedIds = arrayOf(closed.map((row) => row.tenant_id))
  const [accounts] = await postgres.group(platformTenantId, [selectAccounts(tenantId, closedIds)])
  const accountIds = accounts.map((row) => row.account_id)
  const told = { tenantId, actorId: askedBy, requestId: ids.uuid() }
  const events = inParts(accountIds).map((part) =>
    tenantErasureDue({ ...told, accountIds: part }, { id: ids.uuid(), time: clock.now() }),
  )
  const asked = [markAsked(clock.now()), insertEvents('gateway', events)]
  const forgotten = [actFor(platformTenantId), deleteAccounts(accountIds, closedIds)]
  await postgres.group(tenantId, [...asked, ...forgotten], { deadlineMs: endingMs })
  relay.wake()
}

async function ifFresh(act: () => Promise<void>): Promise<boolean> {
  try {
    await act()
    return true
  } catch (error) {
    if (isStale(error)) return false
    throw error
  }
}

/** At least one part, empty where there is nothing. */
function inParts(accountIds: readonly string[]): string[][] {
  const parts = [accountIds.slice(0, accountsPerEvent)]
  for (let at = accountsPerEvent; at < accountIds.length; at += accountsPerEvent) {
    parts.push(accountIds.slice(at, at + accountsPerEvent))
  }
  return parts
}

/** Raises CS001 unless exactly the row of the tenant was changed. */
function change(set: string, where: string, values: readonly unknown[] = []): Statement {
  return statement(
    `with changed as (update gateway.tenants set ${set} where tenant_id = ops.tenant_id() and ${where} returning 1)
     select ops.expect((select count(*) from changed), 1)`,
    values,
  )
}

const suspend = (at: string, reason: SuspensionReason): Statement =>
  change('suspended_at = $1, suspended_for = $2', 'suspended_at is null and closed_at is null', [at, reason])
const resume = change('suspended_at = null, suspended_for = null', 'suspended_at is not null and closed_at is null')
const close = (closesAt: string, actorId: string): Statement =>
  change('closes_at = $1, closure_asked_by = $2', 'closes_at is null and closed_at is null', [closesAt, actorId])
const keep = change('closes_at = null, closure_asked_by = null', 'closes_at is not null and closed_at is null')
const endAccess = (at: string): Statement => change('closed_at = $1', 'closed_at is null and closes_at <= $1', [at])
const markAsked = (at: string): Statement =>
  change('erasure_asked_at = $1', 'closed_at is not null and erasure_asked_at is null', [at])

/** Refresh tokens go with their sessions. */
const forgetMembers = ['sessions', 'memberships', 'invitations', 'machine_clients', 'domains', 'sign_in_rules'].map(
  (table) => statement(`delete from gateway.${table} where tenant_id = ops.tenant_id()`),
)

type EndingRow = { readonly tenant_id: string; readonly closure_asked_by: string; readonly step: Ending['step'] }

function selectEndings(nowMs: number): Statement<EndingRow> {
  return statement<EndingRow>(
    `select tenant_id, closure_asked_by, case when closed_at is null then 'close' else 'erase' end as step
     from gateway.tenants
     where closes_at is not null and erasure_asked_at is null
       and case when closed_at is null then closes_at <= $1 else closed_at <= $2 end
     order by closes_at limit 20`,
    [new Date(nowMs), new Date(nowMs - erasureDelayMs)],
  )
}

const selectClosed = statement<{ readonly tenant_id: string }>(
  'select tenant_id from gateway.tenants where closed_at is not null',
)

function selectAccounts(tenantId: string, closedIds: string): Statement<{ readonly account_id: string }> {
  return statement(
    'select account_id from gateway.accounts where tenant_ids @> array[$1::uuid] and tenant_ids <@ $2::uuid[]',
    [tenantId, closedIds],
  )
}

/** An account that has joined another tenant meanwhile fails the transaction: the next round counts anew. */
function deleteAccounts(accountIds: readonly string[], closedIds: string): Statement {
  return statement(
    `with gone as (delete from gateway.accounts where account_id = any($1::uuid[]) and tenant_ids <@ $2::uuid[] returning 1)
     select ops.expect((select count(*) from gone), $3)`,
    [arrayOf(accountIds), closedIds, accountIds.length],
  )
}

const actFor = (tenantId: string): Statement => statement(`select set_config('app.tenant_id', $1, true)`, [tenantId])
