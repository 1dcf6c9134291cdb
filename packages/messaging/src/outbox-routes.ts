import { createEvent } from '@csr/contracts/events/create-event'
import {
  createOutboxReplay,
  getOutbox,
  type OutboxReplayPage,
  type OutboxReplayRequest,
  type OutboxStatus,
} from '@csr/contracts/http/outbox'
import { platformTenantId } from '@csr/contracts/services'
import { topicOf } from '@csr/contracts/streams'
import { route, type Route } from '@csr/http/route'
import { statement } from '@csr/postgres/statement'
import { uuidFloor } from '@csr/runtime/ids'
import type { Ports } from './open-ports.ts'
import { createOutboxRows } from './outbox-rows.ts'
import { insertEvents } from './outbox.ts'
import type { LossSign } from './reconcile.ts'

type RoutePorts = Pick<Ports, 'service' | 'postgres' | 'relay' | 'clock' | 'stamp'>

/** Rows one call looks at: what a caller waits for. */
const pageRows = 10_000
const pageDeadlineMs = 2_000
const dayMs = 86_400_000

/** The two operations on the outbox that every service answers to whoever operates the platform. */
export function outboxRoutes(ports: RoutePorts): Route[] {
  const { service, relay } = ports
  return [
    route({
      ...getOutbox(service),
      handle: async () => ({ status: 200, body: await statusOf(ports) }),
    }),
    route({
      ...createOutboxReplay(service),
      async handle({ body, principal, requestId }) {
        const { ids, next } = await readPage(ports, body)
        if (ids.length > 0 && !body.dryRun) {
          await record(ports, { asked: body, count: ids.length, actorId: principal.actorId, requestId })
          await sendAgain(ports, ids)
          relay.startOver()
        }
        return { status: 200, body: { count: ids.length, next } satisfies OutboxReplayPage }
      },
    }),
  ]
}

type StreamRow = {
  readonly stream: string
  readonly epoch: string
  readonly last_sequence: number
  readonly low_water: number | null
  readonly lost_at: string | null
  readonly lost_sign: LossSign | null
  readonly lost_count: number | null
}

async function statusOf({ service, postgres, clock }: RoutePorts): Promise<OutboxStatus> {
  const { count, oldestMs } = await createOutboxRows(service, postgres, () => clock.nowMs()).backlog()
  const [rows] = await postgres.worker([
    statement<StreamRow>(
      `select stream, epoch, last_sequence, low_water, lost_at, lost_sign, lost_count from ${service}.relayed order by stream`,
    ),
  ])
  return {
    service,
    unsent: count,
    oldestSeconds: oldestMs === null ? null : Math.max(0, clock.nowMs() - oldestMs) / 1_000,
    streams: rows.map((row) => ({
      stream: row.stream,
      epoch: row.epoch,
      lastSequence: row.last_sequence,
      lowWater: row.low_water,
      lastLoss:
        row.lost_at === null || row.lost_sign === null
          ? null
          : { at: row.lost_at, sign: row.lost_sign, count: row.lost_count ?? 0 },
    })),
  }
}

/** The sent events of the next page that were asked for, and where the page after it begins. */
async function readPage(
  { service, postgres, clock }: RoutePorts,
  { since, type, after }: OutboxReplayRequest,
): Promise<{ ids: readonly string[]; next: string | null }> {
  const floor = uuidFloor(since === null ? 0 : Date.parse(since))
  const from = after !== null && after > floor ? after : floor
  // Events carry their time in their id; a day is left to clocks that differ.
  const ceiling = uuidFloor(clock.nowMs() + dayMs)
  const topics = type === null ? null : [type, topicOf(type, 'bulk')]
  const [[page]] = await postgres.worker(
    [
      statement<{ ids: readonly string[] | null; last: string | null; seen: number }>(
        `select array_agg(id::text) filter (where sequence is not null and ($4::text[] is null or topic = any($4))) as ids,
           max(id::text) as last, count(*) as seen
         from (
           select id, topic, sequence from ${service}.outbox where id > $1 and id < $2 order by id limit $3) page`,
        [from, ceiling, pageRows, topics],
      ),
    ],
    { deadlineMs: pageDeadlineMs },
  )
  return { ids: page?.ids ?? [], next: page?.seen === pageRows ? page.last : null }
}

type Act = {
  readonly asked: OutboxReplayRequest
  readonly count: number
  readonly actorId: string
  readonly requestId: string
}

/** The record of the act, which commits first: what cannot be recorded is not done. */
async function record(
  { service, postgres, stamp }: RoutePorts,
  { asked, count, actorId, requestId }: Act,
): Promise<void> {
  const about = { ...stamp(), tenantId: platformTenantId, subject: service, causationId: requestId }
  const data = { actorId, since: asked.since, eventType: asked.type, count }
  const event = createEvent(`${service}.outbox.replayed.v1`, about, data)
  await postgres.group(platformTenantId, [insertEvents(service, [event])])
}

/** As the worker, which alone may change where an event is stored. */
async function sendAgain({ service, postgres }: RoutePorts, ids: readonly string[]): Promise<void> {
  const text = `update ${service}.outbox set epoch = null, sequence = null where id = any($1::uuid[]) and sequence is not null`
  await postgres.worker([statement(text, [[...ids]])], { deadlineMs: pageDeadlineMs })
}
