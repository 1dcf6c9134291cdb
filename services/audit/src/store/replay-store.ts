import type { ReplayOutcome, ReplaySettled } from '@csr/contracts/events/audit'
import type { PayloadForm } from '@csr/contracts/events/dead-letter'
import type { Event } from '@csr/contracts/events/envelope'
import type { DeadLetterAct, DeadLetterState } from '@csr/contracts/http/dead-letters'
import type { Service } from '@csr/contracts/services'
import { insertEvents } from '@csr/messaging/outbox'
import type { Postgres } from '@csr/postgres/connect'
import { arrayOf, statement, type Statement } from '@csr/postgres/statement'
import { deadLetterDiscarded, deadLetterForgotten, replayRequested, type Deed, type SealedEntry } from '../events.ts'

/** Who asks, and by which request. */
export type Asker = { readonly actorId: string; readonly requestId: string }

/** What an operator wants done is done, or the entry does not allow it. */
export type ActOutcome =
  | { readonly outcome: 'done'; readonly act: DeadLetterAct }
  | { readonly outcome: 'unknown' }
  | { readonly outcome: 'refused'; readonly because: string }

/** Whether an act is allowed now. */
export type Allowance =
  | { readonly outcome: 'allowed'; readonly found: Replayable }
  | Exclude<ActOutcome, { readonly outcome: 'done' }>

export type ReplayHow = {
  /** the act of a bulk replay that is carried out by it */
  readonly planned?: string
  /** statements to stand last in the same transaction: they keep the answer */
  readonly keep?: (act: DeadLetterAct) => Promise<readonly Statement[]>
}

/** What is done about a dead letter. Each act, its event and the new state of the entry commit together. */
export interface ReplayStore {
  /** asks the service that gave up to try once more */
  replay(id: string, asker: Asker, how?: ReplayHow): Promise<ActOutcome>
  /** whether it could be replayed now; changes nothing */
  mayReplay(id: string): Promise<Allowance>
  /** whether it could be discarded now; changes nothing */
  mayDiscard(id: string): Promise<Allowance>
  /** gives it up for good; its message is forgotten */
  discard(id: string, asker: Asker, reason: string): Promise<ActOutcome>
  /** for the consumer's own group: what became of replays */
  settle(answers: readonly Event<string, ReplaySettled>[]): Statement
  /** for the same group: has the keys destroyed of what these answers bring to its end */
  forget(tenantId: string, answers: readonly Event<string, ReplaySettled>[]): Promise<Event[]>
}

export type Replayable = {
  readonly id: string
  readonly tenantId: string
  readonly service: Service
  readonly consumer: string
  readonly topic: string
  readonly stream: string
  readonly epoch: string
  readonly sequence: number
  readonly inboxId: string | null
  readonly traceparent: string | null
  readonly fingerprint: string
  readonly state: DeadLetterState
  readonly form: PayloadForm
  readonly payload: string
}

type Deps = {
  readonly postgres: Pick<Postgres, 'worker' | 'group'>
  readonly stamp: () => { readonly id: string; readonly time: string }
  readonly wake: () => void
}

const findText = `select id, tenant_id as "tenantId", service, consumer, topic, stream, epoch, sequence,
    coalesce(inbox_id, case when event_id ~ '^[0-9a-f-]{36}$' then event_id::uuid end) as "inboxId",
    traceparent, fingerprint, state, form, payload
  from audit.dead_letters where id = $1::uuid`

export function createReplayStore({ postgres, stamp, wake }: Deps): ReplayStore {
  async function ask(id: string, refusalOf: (found: Replayable) => string | null): Promise<Allowance> {
    const [[found]] = await postgres.worker([statement<Replayable>(findText, [id])])
    if (!found) return { outcome: 'unknown' }
    const because = refusalOf(found)
    return because === null ? { outcome: 'allowed', found } : { outcome: 'refused', because }
  }

  return {
    mayReplay: (id) => ask(id, refusesReplay),
    mayDiscard: (id) => ask(id, refusesDiscard),

    async replay(id, asker, { planned, keep } = {}) {
      const asked = await ask(id, refusesReplay)
      if (asked.outcome !== 'allowed') return asked
      const { found } = asked
      const deed = { ...stamp(), ...asker, ...(planned !== undefined && { id: planned }) }
      const act = actOf(deed, 'replay', null)
      await postgres.group(found.tenantId, [
        planned === undefined ? insertAct(found, act, asker) : sent(planned, deed.time),
        // what is resolved stays so: the service answers that it is effective already
        statement(
          `update audit.dead_letters set replays = replays + 1, state = case state when 'resolved' then state else 'replayed' end
           where id = $1::uuid`,
          [id],
        ),
        insertEvents('audit', [requestOf(found, deed)]),
        ...((await keep?.(act)) ?? []),
      ])
      wake()
      return { outcome: 'done', act }
    },

    async discard(id, asker, reason) {
      const asked = await ask(id, refusesDiscard)
      if (asked.outcome !== 'allowed') return asked
      const { found } = asked
      const deed = { ...stamp(), ...asker }
      const act = actOf(deed, 'discard', reason)
      await postgres.group(found.tenantId, [
        insertAct(found, act, asker),
        statement(`update audit.dead_letters set state = 'discarded', payload = '' where id = $1::uuid`, [id]),
        insertEvents('audit', [
          deadLetterDiscarded(found, deed, reason),
          ...(found.form === 'sealed' ? [deadLetterForgotten(found, found.tenantId, stamp())] : []),
        ]),
      ])
      wake()
      return { outcome: 'done', act }
    },

    settle: (answers) => statement(settleText, [JSON.stringify(answers.map(answerOf))]),

    forget: (tenantId, answers) => forget({ postgres, stamp }, tenantId, answers),
  }
}

async function forget(
  { postgres, stamp }: Pick<Deps, 'postgres' | 'stamp'>,
  tenantId: string,
  answers: readonly Event<string, ReplaySettled>[],
): Promise<Event[]> {
  const ended = answers.filter(({ data }) => data.outcome !== 'failed').map(({ data }) => data.deadLetterId)
  if (ended.length === 0) return []
  const [entries] = await postgres.group(tenantId, [statement<SealedEntry>(sealedText, [arrayOf(ended)])])
  return entries.map((entry) => deadLetterForgotten(entry, tenantId, stamp()))
}

const sealedText = `select id, service from audit.dead_letters
  where id = any($1::uuid[]) and form = 'sealed' and payload <> ''`

function refusesDiscard({ state }: Replayable): string | null {
  if (state === 'resolved') return 'it is effective'
  return state === 'discarded' ? 'it is discarded already' : null
}

function refusesReplay({ state, form, inboxId }: Replayable): string | null {
  if (state === 'discarded') return 'it is discarded'
  if (form === 'left' || inboxId === null) return 'its message could not be read and was not kept'
  return null
}

function requestOf(found: Replayable, deed: Deed): Event {
  const { id, tenantId, service, inboxId, consumer, topic, stream, epoch, sequence, traceparent, form, payload } = found
  return replayRequested(service, tenantId, deed, {
    ...{ deadLetterId: id, eventId: inboxId ?? id, consumer, topic, stream, epoch, sequence, traceparent },
    ...{ form, payload },
  })
}

function actOf({ id, actorId, time }: Deed, kind: DeadLetterAct['kind'], reason: string | null): DeadLetterAct {
  const sentAt = kind === 'replay' ? time : null
  return { id, kind, actorId, at: time, sentAt, bulkId: null, reason, outcome: null, code: null, settledAt: null }
}

function insertAct(found: Replayable, act: DeadLetterAct, { requestId }: Asker): Statement {
  return statement(
    `insert into audit.dead_letter_acts (tenant_id, id, dead_letter_id, kind, fingerprint, actor_id, request_id, reason, at,
       sent_at) values (ops.tenant_id(), $1, $2, $3, $4, $5, $6, $7, $8, $9)`,
    [act.id, found.id, act.kind, found.fingerprint, act.actorId, requestId, act.reason, act.at, act.sentAt],
  )
}

/** CS001 where it was sent before: the job that carries out replays may have been killed after its commit. */
function sent(actId: string, at: string): Statement {
  return statement(
    `with sent as (update audit.dead_letter_acts set sent_at = $2 where id = $1::uuid and sent_at is null and outcome is null
       returning 1)
     select ops.expect(count(*), 1) from sent`,
    [actId, at],
  )
}

/**
 * Of several answers about one entry the good one counts. A failure opens the entry again and replaces what is known of its
 * last one; it never takes back that the entry is effective. What is effective and was sealed under a key of its own is
 * forgotten: nobody reads it again.
 */
const settleText = `with told as (
    select * from json_to_recordset($1::text::json) as answer (act_id uuid, dead_letter_id uuid, outcome text, reason text,
      code text, fingerprint text, attempts int, at timestamptz)),
  settled as (
    update audit.dead_letter_acts a set outcome = told.outcome, code = told.code, settled_at = told.at
    from told where a.id = told.act_id and a.outcome is null returning a.id),
  best as (
    select distinct on (dead_letter_id) * from told where act_id in (select id from settled)
    order by dead_letter_id, outcome = 'failed', at desc)
  update audit.dead_letters d set
    state = case when best.outcome <> 'failed' then 'resolved' when d.state = 'replayed' then 'open' else d.state end,
    attempts = d.attempts + coalesce(best.attempts, 0),
    reason = coalesce(best.reason, d.reason),
    code = coalesce(best.code, d.code),
    fingerprint = coalesce(best.fingerprint, d.fingerprint),
    last_at = case when best.outcome = 'failed' then best.at else d.last_at end,
    payload = case when best.outcome <> 'failed' and d.form = 'sealed' then '' else d.payload end
  from best where d.id = best.dead_letter_id`

function answerOf({ causationid, time, data }: Event<string, ReplaySettled>) {
  const outcome: ReplayOutcome = data.outcome
  return { ...data.failure, outcome, act_id: causationid, dead_letter_id: data.deadLetterId, at: time }
}
