import type { Service } from '@csr/contracts/services'
import type { Postgres } from '@csr/postgres/connect'
import { statement, type Statement } from '@csr/postgres/statement'
import type { Clock } from '@csr/runtime/clock'
import type { Ids } from '@csr/runtime/ids'
import type { Resource } from '@csr/runtime/lifecycle'
import type { AnswerSeal } from './answer-seal.ts'

/** Whose key it is and where it counts: never across tenant, caller, method or route. */
export type KeyedRequest = {
  readonly tenantId: string
  readonly actorId: string
  readonly method: string
  readonly route: string
  readonly key: string
  /** SHA-256 of the body; null while a streamed one is not read */
  readonly bodyDigest: Uint8Array | null
}

/** An answer as it was sent: `body` is its text. */
export type KeptAnswer = {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export type Begun =
  /** nobody has run it; the lease is ours */
  | { readonly outcome: 'begun'; readonly lease: Lease }
  /** it was answered; `isSameBody` tells whether this is a repetition */
  | { readonly outcome: 'answered'; readonly answer: KeptAnswer; isSameBody(digest: Uint8Array): boolean }
  | { readonly outcome: 'running' }
  | { readonly outcome: 'other-body' }

export interface Lease {
  /** to stand last in the transaction of the effect, which may be another tenant's: the key is the caller's */
  keep(answer: KeptAnswer, bodyDigest: Uint8Array): Promise<readonly Statement[]>
  /** keeps an answer whose route has no transaction of its own */
  keepAlone(answer: KeptAnswer, bodyDigest: Uint8Array): Promise<void>
  /** still running: nobody else may begin for another minute */
  renew(): Promise<void>
  /** nothing took effect: the key may be used anew. What has committed meanwhile stays. */
  release(): Promise<void>
}

export interface AnswerKeeper extends Resource {
  begin(request: KeyedRequest): Promise<Begun>
}

/** How long a crash in the middle keeps a key from being used again. */
export const leaseMs = 60_000
const keptMs = 86_400_000
const forgetEveryMs = 600_000

type Row = {
  readonly lease_id: string
  readonly body_fingerprint: string | null
  readonly answer_sealed: string | null
}

type Deps = {
  readonly service: Service
  readonly postgres: Pick<Postgres, 'group' | 'worker'>
  readonly seal: AnswerSeal
  readonly clock: Clock
  readonly ids: Ids
}

/** Keeps answers for 24 h in `<service>.idempotency_keys`: fingerprints of keys and bodies, and the answer sealed. */
export function keepAnswers(deps: Deps): AnswerKeeper {
  const { service, postgres, seal, clock, ids } = deps
  const sql = statementsOf(service)
  let timer: NodeJS.Timeout | undefined

  /** That it fails is no reason to stop: the next round forgets more. */
  async function forget(): Promise<void> {
    await postgres.worker([statement(sql.forget, [at(clock.nowMs() - keptMs)])]).catch(() => undefined)
  }

  return {
    name: 'idempotency keys',
    async start() {
      void forget()
      timer = setInterval(() => void forget(), forgetEveryMs).unref()
    },
    async begin({ tenantId, actorId, method, route, key, bodyDigest }) {
      const nowMs = clock.nowMs()
      const name = seal.fingerprint(tenantId, actorId, method, route, key)
      const body = bodyDigest && seal.fingerprint(tenantId, bodyDigest)
      const leaseId = ids.uuid()
      const times = [at(nowMs), at(nowMs + leaseMs), at(nowMs - keptMs)]
      const [, [row]] = await postgres.group(tenantId, [
        statement(sql.begin, [name, body, leaseId, ...times]),
        statement<Row>(sql.find, [name]),
      ])
      if (row?.lease_id === leaseId) return { outcome: 'begun', lease: leaseOf(deps, sql, { tenantId, name, leaseId }) }
      const isSame = (fingerprint: string): boolean => row?.body_fingerprint === fingerprint
      if (row && body !== null && row.body_fingerprint !== null && !isSame(body)) return { outcome: 'other-body' }
      if (!row || row.answer_sealed === null) return { outcome: 'running' }
      const text = await seal.open(tenantId, name, row.answer_sealed)
      if (text === null) return { outcome: 'running' }
      const answer = JSON.parse(text) as KeptAnswer
      return { outcome: 'answered', answer, isSameBody: (digest) => isSame(seal.fingerprint(tenantId, digest)) }
    },
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
    },
  }
}

type Leased = { readonly tenantId: string; readonly name: string; readonly leaseId: string }

function leaseOf({ postgres, seal, clock }: Deps, sql: Statements, { tenantId, name, leaseId }: Leased): Lease {
  const keep: Lease['keep'] = async (answer, digest) => {
    const sealed = await seal.seal(tenantId, name, JSON.stringify(answer))
    return [
      statement(actFor, [tenantId]),
      statement(sql.keep, [name, leaseId, sealed, seal.fingerprint(tenantId, digest)]),
    ]
  }
  return {
    keep,
    keepAlone: async (answer, digest) => void (await postgres.group(tenantId, await keep(answer, digest))),
    renew: async () =>
      void (await postgres.group(tenantId, [statement(sql.renew, [name, leaseId, at(clock.nowMs() + leaseMs)])])),
    release: async () => void (await postgres.group(tenantId, [statement(sql.release, [name, leaseId])])),
  }
}

const at = (ms: number): string => new Date(ms).toISOString()
const actFor = `select set_config('app.tenant_id', $1, true)`

type Statements = ReturnType<typeof statementsOf>

function statementsOf(service: Service) {
  const table = `${service}.idempotency_keys`
  return {
    begin: `insert into ${table} as k
        (tenant_id, key_fingerprint, body_fingerprint, lease_id, leased_until, created_at)
      values (ops.tenant_id(), $1, $2, $3, $5, $4)
      on conflict (tenant_id, key_fingerprint) do update
        set body_fingerprint = $2, lease_id = $3, leased_until = $5, created_at = $4, answer_sealed = null
        where k.created_at <= $6::timestamptz or (
          k.answer_sealed is null and k.leased_until <= $4::timestamptz
          and coalesce(k.body_fingerprint = $2, true))`,
    find: `select lease_id, body_fingerprint, answer_sealed from ${table}
      where tenant_id = ops.tenant_id() and key_fingerprint = $1`,
    keep: `with kept as (
        update ${table} set answer_sealed = $3, body_fingerprint = $4
        where tenant_id = ops.tenant_id() and key_fingerprint = $1 and lease_id = $2 and answer_sealed is null
        returning true)
      select ops.expect_lease((select count(*) = 1 from kept))`,
    renew: `update ${table} set leased_until = $3
      where tenant_id = ops.tenant_id() and key_fingerprint = $1 and lease_id = $2 and answer_sealed is null`,
    release: `delete from ${table}
      where tenant_id = ops.tenant_id() and key_fingerprint = $1 and lease_id = $2 and answer_sealed is null`,
    forget: `delete from ${table} where created_at < $1`,
  }
}
