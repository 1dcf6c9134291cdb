import type { SealedText } from '@csr/contracts/events/envelope'
import { eventPlace } from '@csr/contracts/events/event-place'
import type { Event } from '@csr/contracts/events/envelope'
import type { SafetyReview } from '@csr/contracts/http/safety'
import { KeyringUnavailable } from '@csr/keyring/errors'
import type { Keyring } from '@csr/keyring/keyring'
import type { Keys } from '@csr/keyring/keys'
import type { Postgres } from '@csr/postgres/connect'
import { statement, type Statement } from '@csr/postgres/statement'
import type { Clock } from '@csr/runtime/clock'
import type { Ids } from '@csr/runtime/ids'
import { policyVersion, screenText, type Screening } from '../domain/screen-text.ts'
import { reviewRequested, textScreened } from '../events.ts'

/** A text as it arrived inside an event, sealed for its author. */
export type ArrivedText = {
  readonly event: Pick<Event, 'id' | 'type'>
  readonly activityId: string
  readonly authorId: string
  readonly occurredAt: string
  readonly reportedAt: string
  readonly sealed: SealedText
}

/** What to commit for a batch, and how many texts got each verdict (`erased` where the author is no more). */
export type Screened = {
  readonly statements: readonly Statement[]
  readonly events: readonly Event[]
  readonly verdicts: readonly (Screening['verdict'] | 'erased')[]
}

export interface ScreeningStore {
  /** Opens, screens and seals again. Writes nothing: the statements belong into the transaction that claims the batch. */
  screen(tenantId: string, texts: readonly ArrivedText[]): Promise<Screened>
  /** newest first, behind `before` */
  reviews(tenantId: string, page: { readonly before: string | null; readonly limit: number }): Promise<SafetyReview[]>
}

type Deps = {
  readonly postgres: Pick<Postgres, 'group'>
  readonly keyring: Pick<Keyring, 'load'>
  readonly clock: Clock
  readonly ids: Ids
}

const insertScreenings = `insert into safety.screenings
    (tenant_id, id, activity_id, author_id, verdict, reasons, policy, reported_at, screened_at)
  select ops.tenant_id(), id, "activityId", "authorId", verdict, reasons, policy, "reportedAt", "screenedAt"
  from json_to_recordset($1::text::json) as screening (id uuid, "activityId" uuid, "authorId" uuid, verdict text,
    reasons jsonb, policy text, "reportedAt" timestamptz, "screenedAt" timestamptz)`

const insertReviews = `insert into safety.reviews
    (tenant_id, id, screening_id, activity_id, author_id, categories, urgency, text_sealed, requested_at, due_at)
  select ops.tenant_id(), "reviewId", "screeningId", "activityId", "authorId",
    array(select json_array_elements_text(categories)), urgency, "textSealed", "requestedAt", "dueAt"
  from json_to_recordset($1::text::json) as review ("reviewId" uuid, "screeningId" uuid, "activityId" uuid,
    "authorId" uuid, categories json, urgency text, "textSealed" text, "requestedAt" timestamptz, "dueAt" timestamptz)`

const selectReviews = `select id, activity_id as "activityId", author_id as "authorId", categories, urgency, state,
    requested_at as "requestedAt", due_at as "dueAt"
  from safety.reviews where $1::uuid is null or id < $1 order by id desc limit $2::int`

export function createScreeningStore({ postgres, keyring, clock, ids }: Deps): ScreeningStore {
  return {
    async screen(tenantId, texts) {
      const authorIds = [...new Set(texts.map(({ authorId }) => authorId))]
      const keys = await keyring.load(tenantId, authorIds)
      const done = texts.map((text) => screenOne({ clock, ids }, tenantId, text, keys))
      const screenings = done.flatMap(({ screening }) => screening ?? [])
      const reviews = done.flatMap(({ review }) => review ?? [])
      return {
        statements: [
          ...(screenings.length > 0 ? [statement(insertScreenings, [JSON.stringify(screenings)])] : []),
          ...(reviews.length > 0 ? [statement(insertReviews, [JSON.stringify(reviews)])] : []),
        ],
        events: done.flatMap(({ events }) => events),
        verdicts: done.map(({ verdict }) => verdict),
      }
    },

    async reviews(tenantId, { before, limit }) {
      const [rows] = await postgres.group(tenantId, [statement<SafetyReview>(selectReviews, [before, limit])])
      return rows
    },
  }
}

function screenOne({ clock, ids }: Pick<Deps, 'clock' | 'ids'>, tenantId: string, arrived: ArrivedText, keys: Keys) {
  const { activityId, authorId, reportedAt, occurredAt } = arrived
  const opened = keys.open(arrived.sealed, eventPlace(arrived.event, 'text'))
  if (opened.state === 'missing') throw new KeyringUnavailable(`the key of ${authorId} is missing`)
  if (opened.state === 'erased') return { verdict: 'erased' as const, events: [], screening: null, review: null }

  const { verdict, reasons, text, review } = screenText(opened.value)
  const screeningId = ids.uuid()
  const at = clock.now()
  const screened = { id: ids.uuid(), time: at, tenantId, causationId: arrived.event.id }
  const sealed =
    text === null
      ? null
      : keys.seal(authorId, eventPlace({ type: 'safety.text.screened.v1', id: screened.id }, 'text'), text)
  const facts = {
    screeningId,
    activityId,
    authorId,
    reportedAt,
    verdict,
    reasons: [...reasons],
    policy: policyVersion,
  }
  const events: Event[] = [textScreened(screened, { ...facts, occurredAt, text: sealed })]
  const screening = { ...facts, id: screeningId, screenedAt: at }
  if (!review) return { verdict, events, screening, review: null }

  const reviewId = ids.uuid()
  const dueAt = new Date(clock.nowMs() + review.dueHours * 3_600_000).toISOString()
  const { categories, urgency } = review
  const asked = { reviewId, screeningId, activityId, authorId, categories, urgency, dueAt }
  events.push(reviewRequested({ ...screened, id: ids.uuid() }, asked))
  const textSealed = keys.seal(authorId, { field: 'safety.reviews.text_sealed', row: reviewId }, opened.value)
  return { verdict, events, screening, review: { ...asked, textSealed, requestedAt: at } }
}
