import type { ParkedEvent } from '@csr/contracts/http/parked-events'
import type { Service } from '@csr/contracts/services'
import { topicOf } from '@csr/contracts/streams'
import { arrayOf, statement, type Statement } from '@csr/postgres/statement'
import { textOf, type Received } from './held.ts'

/** A message that waits in the table `parked` for another version of us, or for something it depends on. */
export type ParkedRow = {
  readonly tenant_id: string
  readonly event_id: string
  readonly topic: string
  readonly payload: string
  readonly stream: string
  readonly epoch: string
  readonly sequence: number
  readonly parked_at: string
}

export type ParkedFilter = {
  readonly waitsFor?: string | undefined
  readonly consumer?: string | undefined
  readonly type?: string | undefined
  readonly since?: string | undefined
}
export type ParkedPage = { readonly after: { readonly at: string; readonly id: string } | null; readonly limit: number }

export interface ParkedTable {
  /** puts a message aside; what is there already keeps its place and takes the new reason */
  put(
    about: { tenantId: string; consumer: string; eventId: string; waitsFor: string; at: string },
    message: Received,
  ): Statement
  /** takes the messages out of waiting that are settled now */
  clear(consumer: string, eventIds: readonly string[]): Statement
  /** those not tried since `before`, oldest first, marked as tried at `at`; unknown versions stay where they are */
  due(consumer: string, known: readonly string[], times: { before: string; at: string }): Statement<ParkedRow>
  /** those that wait for one of `keys` */
  waitingFor(consumer: string, keys: readonly string[], at: string): Statement<ParkedRow>
  /** one of them, whatever it waits for, marked as tried at `at` */
  take(consumer: string, eventId: string, at: string): Statement<ParkedRow>
  /** one of them as metadata; for the worker */
  find(consumer: string, eventId: string): Statement<ParkedEvent>
  /** what fits as metadata, newest first, behind `after`; for the worker */
  list(filter: ParkedFilter, page: ParkedPage): Statement<ParkedEvent>
}

/** What one look takes, so that a full table never fills the memory. */
export const parkedRowsMax = 200

/** The key a message of an unknown type waits for. */
export function versionKey(type: string): string {
  return `version:${type}`
}

export function parkedOf(service: Service): ParkedTable {
  const table = `${service}.parked`
  const shown = `tenant_id as "tenantId", event_id as "eventId", consumer, topic, waits_for as "waitsFor",
    date_trunc('milliseconds', parked_at) as "parkedAt", tried_at as "triedAt"`
  const listText = `select ${shown} from ${table}
    where ($1::text is null or waits_for = $1) and ($2::text is null or consumer = $2)
      and ($3::text[] is null or topic = any($3)) and ($4::timestamptz is null or parked_at >= $4)
      and ($5::timestamptz is null or (date_trunc('milliseconds', parked_at), event_id) < ($5, $6::uuid))
    order by date_trunc('milliseconds', parked_at) desc, event_id desc limit $7::int`
  const columns = 'tenant_id, event_id, topic, payload, stream, epoch, sequence, parked_at'
  const putText = `insert into ${table} as p
      (tenant_id, consumer, event_id, waits_for, topic, payload, stream, epoch, sequence, parked_at, tried_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)
    on conflict (consumer, event_id) do update set waits_for = $4, tried_at = $10`
  const clearText = `delete from ${table} where consumer = $1 and event_id = any($2::uuid[])`
  const take = (condition: string): string => `update ${table} set tried_at = $2
    where consumer = $1 and event_id in (
      select event_id from ${table} where consumer = $1 and ${condition} order by tried_at limit ${parkedRowsMax})
    returning ${columns}`
  const dueText = take(`tried_at <= $3 and (waits_for not like 'version:%' or waits_for = any($4::text[]))`)
  const waitingText = take(`waits_for = any($3::text[])`)
  return {
    put: ({ tenantId, consumer, eventId, waitsFor, at }, { topic, bytes, stream, epoch, sequence }) =>
      statement(putText, [tenantId, consumer, eventId, waitsFor, topic, textOf(bytes), stream, epoch, sequence, at]),
    clear: (consumer, eventIds) => statement(clearText, [consumer, arrayOf(eventIds)]),
    due: (consumer, known, { before, at }) =>
      statement<ParkedRow>(dueText, [consumer, at, before, arrayOf(known.map(versionKey))]),
    waitingFor: (consumer, keys, at) => statement<ParkedRow>(waitingText, [consumer, at, arrayOf(keys)]),
    take: (consumer, eventId, at) =>
      statement<ParkedRow>(
        `update ${table} set tried_at = $2 where consumer = $1 and event_id = $3::uuid returning ${columns}`,
        [consumer, at, eventId],
      ),
    find: (consumer, eventId) =>
      statement<ParkedEvent>(`select ${shown} from ${table} where consumer = $1 and event_id = $2::uuid`, [
        consumer,
        eventId,
      ]),
    list: ({ waitsFor, consumer, type, since }, { after, limit }) =>
      statement<ParkedEvent>(listText, [
        ...[waitsFor ?? null, consumer ?? null, type === undefined ? null : arrayOf([type, topicOf(type, 'bulk')])],
        ...[since ?? null, after?.at ?? null, after?.id ?? null, limit],
      ]),
  }
}
