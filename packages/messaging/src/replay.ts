import { consumerName, replaysOf } from '@csr/contracts/consumers'
import type { Replay, ReplaySettled } from '@csr/contracts/events/audit'
import { createEvent } from '@csr/contracts/events/create-event'
import type { Event } from '@csr/contracts/events/envelope'
import type { Service } from '@csr/contracts/services'
import type { Postgres } from '@csr/postgres/connect'
import type { Clock } from '@csr/runtime/clock'
import type { Ids } from '@csr/runtime/ids'
import { fingerprint, type Death } from './dead-letters.ts'
import type { Handler, Writes } from './handler.ts'
import { bytesOf, createReader, type Held, type Reader } from './held.ts'
import { inboxOf } from './inbox.ts'
import { Unprocessable } from './outcomes.ts'
import type { Vault } from './vault.ts'

type Options = {
  readonly service: Service
  readonly postgres: Pick<Postgres, 'worker'>
  readonly clock: Clock
  readonly ids: Ids
  readonly handlers: readonly Handler[]
  readonly vault?: Vault | undefined
}

type Request = Event<string, Replay>

/**
 * Hears requests to replay what this service gave up on. The message goes to the one handler that failed, under its own id:
 * its claim in the inbox turns from dead to done in the transaction of the effect and of the answer, so it takes effect
 * once however often it is asked for. A replay has one try; that it failed is an answer and no second dead letter. It is a
 * suspect and runs alone, for it has failed before.
 */
export function replayRequests(options: Options): Handler {
  const { service } = options
  const inbox = inboxOf(service)
  const targets = new Map(
    options.handlers.map((handler) => [
      consumerName(service, handler.event),
      { handler, read: createReader(handler.event) },
    ]),
  )

  async function settle(tenantId: string, request: Request): Promise<Writes> {
    const { data } = request
    const target = targets.get(data.consumer)
    if (!target) throw new Unprocessable('consumer-unknown')
    const [[claimed]] = await options.postgres.worker([inbox.settled(data.consumer, [data.eventId])])
    if (claimed?.state === 'done') return told(answer(options, request, 'already-effective'))
    const { verdict } = await read(options, request, target.read)
    if (verdict.kind === 'dead') return told(failure(options, request, { ...verdict, attempts: 1 }))
    if (verdict.kind === 'park') throw new Unprocessable('version-unknown')
    const writes = await target.handler.handle(tenantId, [verdict.event], [data])
    if (writes.parked && writes.parked.length > 0) throw new Unprocessable('must-wait')
    return {
      ...writes,
      statements: [inbox.revive(tenantId, data.consumer, data.eventId), ...writes.statements],
      events: [...writes.events, answer(options, request, 'effective')],
    }
  }

  return {
    event: replaysOf(service),
    paceMs: 0,
    alone: true,
    async handle(tenantId, events) {
      const all = await Promise.all(events.map((event) => settle(tenantId, event as Request)))
      return {
        statements: all.flatMap(({ statements }) => statements),
        events: all.flatMap(({ events: written }) => written),
        releases: all.flatMap(({ releases }) => releases ?? []),
      }
    },
    giveUp: (event, death) => failure(options, event as Request, death),
  }
}

const told = (event: Event): Writes => ({ statements: [], events: [event] })

/** The message as the handler would have received it. */
async function read({ vault, clock }: Options, { data }: Request, reader: Reader): Promise<Held> {
  const opened = data.form === 'sealed' ? await vault?.open(data.deadLetterId, data.payload) : data.payload
  if (data.form === 'left' || opened === null || opened === undefined) throw new Unprocessable('payload-not-kept')
  const { topic, stream, epoch, sequence, traceparent } = data
  const nowMs = clock.nowMs()
  const place = { topic, stream, epoch, sequence, storedAtMs: nowMs, messageId: data.eventId, traceparent }
  return reader({ ...place, bytes: bytesOf(opened) }, nowMs)
}

function failure(options: Options, request: Request, death: Omit<Death, 'firstAt'>): Event {
  const { consumer, topic } = request.data
  const { reason, code, attempts } = death
  const last = { reason, code: code.slice(0, 100), attempts, fingerprint: fingerprint(consumer, topic, death) }
  return answer(options, request, 'failed', last)
}

function answer(
  { service, clock, ids }: Options,
  request: Request,
  outcome: ReplaySettled['outcome'],
  reason: ReplaySettled['failure'] = null,
): Event {
  const { deadLetterId, consumer } = request.data
  const about = {
    ...{ id: ids.uuid(), time: clock.now(), tenantId: request.tenantid },
    ...{ subject: deadLetterId, causationId: request.id },
  }
  return createEvent(`${service}.replay.settled.v1`, about, { deadLetterId, consumer, outcome, failure: reason })
}
