import type { Purpose } from '@csr/contracts/events/privacy'
import { insertEvents } from '@csr/messaging/outbox'
import type { Postgres } from '@csr/postgres/connect'
import { arrayOf, statement, type Statement } from '@csr/postgres/statement'
import type { Clock } from '@csr/runtime/clock'
import type { Ids } from '@csr/runtime/ids'
import type { Decision } from '../domain/consent.ts'
import { consentDecided } from '../events.ts'

export type NewDecision = {
  readonly subjectId: string
  readonly purpose: Purpose
  readonly allowed: boolean
  readonly notice: string
  readonly actorId: string
  readonly identityCheckedBy: string | null
  readonly requestId: string
}

export interface ConsentStore {
  /** the latest decision of each of these people about each purpose */
  latest(tenantId: string, subjectIds: readonly string[]): Promise<(Decision & { readonly subjectId: string })[]>
  /** adds a decision and announces it in one transaction */
  record(tenantId: string, decision: NewDecision): Promise<Decision>
}

type Deps = {
  readonly postgres: Pick<Postgres, 'group'>
  readonly clock: Clock
  readonly ids: Ids
  readonly wake: () => void
}
type LatestRow = Decision & { readonly subjectId: string }

const latestOf = (subjectIds: readonly string[]): Statement<LatestRow> =>
  statement(
    `select distinct on (subject_id, purpose) subject_id as "subjectId", purpose, allowed, notice, decided_at as "decidedAt"
     from privacy.consents where subject_id = any($1::uuid[])
     order by subject_id, purpose, decided_at desc, id desc`,
    [arrayOf(subjectIds)],
  )

export function createConsentStore({ postgres, clock, ids, wake }: Deps): ConsentStore {
  return {
    async latest(tenantId, subjectIds) {
      const [rows] = await postgres.group(tenantId, [latestOf(subjectIds)])
      return rows
    },

    async record(tenantId, decision) {
      const { subjectId, purpose, allowed, notice, actorId, identityCheckedBy, requestId } = decision
      const id = ids.uuid()
      const decidedAt = clock.now()
      const about = { id: ids.uuid(), time: decidedAt, tenantId, causationId: requestId }
      await postgres.group(tenantId, [
        statement(
          `insert into privacy.consents
             (tenant_id, id, subject_id, purpose, allowed, notice, actor_id, identity_checked_by, decided_at)
           values (ops.tenant_id(), $1::uuid, $2::uuid, $3, $4::boolean, $5, $6, $7, $8::timestamptz)`,
          [id, subjectId, purpose, allowed, notice, actorId, identityCheckedBy, decidedAt],
        ),
        insertEvents('privacy', [consentDecided(about, allowed, { subjectId, purpose, notice, actorId, decidedAt })]),
      ])
      wake()
      return { purpose, allowed, notice, decidedAt }
    },
  }
}
