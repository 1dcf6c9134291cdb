import { randomInt } from 'node:crypto'
import type { Service } from '@csr/contracts/services'
import type { Postgres } from '@csr/postgres/connect'
import { isStale } from '@csr/postgres/errors'
import type { Statement } from '@csr/postgres/statement'
import type { Clock } from '@csr/runtime/clock'
import type { Ids } from '@csr/runtime/ids'
import { uuidTimeMs } from '@csr/runtime/ids'
import type { Logger } from '@csr/runtime/logger'
import { deadLetterEvent, isOwnDeadLetter, type Death } from './dead-letters.ts'
import type { Handler } from './handler.ts'
import { inboxOf, isClaimed } from './inbox.ts'
import type { Job } from './job.ts'
import { codeOf, HandlerTooSlow, isLater, Unprocessable } from './outcomes.ts'
import { insertEvents } from './outbox.ts'
import { parkedOf } from './parked.ts'
import { startedOf } from './started.ts'
import type { ConsumerTelemetry } from './telemetry.ts'

export type SettlePorts = {
  readonly service: Service
  readonly postgres: Postgres
  readonly logger: Logger
  readonly clock: Clock
  readonly ids: Ids
  /** after a commit that wrote events */
  readonly wake: () => void
  /** after a commit that others may have waited for */
  readonly release: (keys: readonly string[]) => void
  readonly delaysMs: readonly number[]
}

/** The settle table: what becomes of a message. What is left unsettled is to be tried again later, for the reason given. */
export interface Settler {
  /** first deliveries of one tenant: one transaction, or one by one where that fails */
  together(jobs: readonly Job[]): Promise<Later | null>
  /** a suspect: recorded as begun before it runs */
  alone(job: Job): Promise<Later | null>
  /** acknowledges those that took effect before, as far as the inbox knows */
  dropSettled(jobs: readonly Job[]): Promise<Later | null>
  /** takes back the begins of what will not run now */
  withdraw(jobs: readonly Job[]): Promise<void>
}

export type Later = { readonly why: unknown }

const handlerDeadlineMs = 30_000
/** Consumers can wait longer for a busy database than a caller at the door. */
const groupDeadlineMs = 5_000
const staleTries = 3
const startsMax = 2
const jitterPercent = 20
/** What an own dead letter waits for that cannot be processed. */
const waitsForPerson = 'person'

export function createSettler(
  ports: SettlePorts,
  handler: Handler,
  consumer: string,
  measured: ReturnType<ConsumerTelemetry>,
): Settler {
  const { service, postgres, logger, clock, ids, delaysMs } = ports
  const inbox = inboxOf(service)
  const started = startedOf(service)
  const parked = parkedOf(service)
  const commit = <const S extends readonly Statement[]>(tenantId: string, statements: S) =>
    postgres.group(tenantId, statements, { deadlineMs: groupDeadlineMs })
  const keyOf = ({ tenantId, eventId }: Job) => ({ tenantId, consumer, eventId, at: clock.now() })

  /** The rows that end with a job, deleted in the transaction that settles it. */
  function clearing(jobs: readonly Job[]): Statement[] {
    const tracked = jobs.filter((job) => job.tracked).map(({ eventId }) => eventId)
    if (tracked.length === 0) return []
    return [started.clear(consumer, tracked), parked.clear(consumer, tracked)]
  }

  async function takeEffect(tenantId: string, jobs: readonly Job[]): Promise<void> {
    const events = jobs.flatMap(({ verdict }) => (verdict.kind === 'handle' ? [verdict.event] : []))
    const sources = jobs.map(({ stream, epoch, sequence }) => ({ stream, epoch, sequence }))
    const writes = await withDeadline(handler.handle(tenantId, events, sources))
    const waits = new Map(writes.parked?.map(({ eventId, waitsFor }) => [eventId.toLowerCase(), waitsFor]))
    const done = jobs.filter(({ eventId }) => !waits.has(eventId))
    const waiting = jobs.filter(({ eventId }) => waits.has(eventId))
    const claimed = done.map(({ eventId }) => eventId)
    await commit(tenantId, [
      ...(done.length > 0 ? [inbox.claim(tenantId, consumer, claimed)] : []),
      ...writes.statements,
      ...(writes.events.length > 0 ? [insertEvents(service, writes.events)] : []),
      ...waiting.map((job) => parked.put({ ...keyOf(job), waitsFor: waits.get(job.eventId) ?? '' }, job)),
      ...clearing(done),
    ])
    for (const job of jobs) job.acknowledge()
    if (writes.events.length > 0) ports.wake()
    if (writes.releases && writes.releases.length > 0) ports.release(writes.releases)
    observe(done, waiting)
  }

  function observe(done: readonly Job[], waiting: readonly Job[]): void {
    const nowMs = clock.nowMs()
    measured.effective(done.length)
    for (const { eventId } of done) measured.lagged(nowMs - uuidTimeMs(eventId))
    if (waiting.length > 0) measured.parked(waiting.length)
  }

  async function dropSettled(jobs: readonly Job[]): Promise<void> {
    if (jobs.length === 0) return
    const eventIds = jobs.map(({ eventId }) => eventId)
    const [rows] = await postgres.worker([inbox.settled(consumer, eventIds)], { deadlineMs: groupDeadlineMs })
    const known = new Set(rows.map(({ event_id }) => event_id))
    const settled = jobs.filter(({ eventId }) => known.has(eventId))
    for (const job of settled) job.acknowledge()
    if (settled.length > 0) measured.duplicate(settled.length)
  }

  async function putAside(job: Job, waitsFor: string): Promise<void> {
    await commit(job.tenantId, [parked.put({ ...keyOf(job), waitsFor }, job)])
    job.acknowledge()
    measured.parked(1)
    logger.info('parked', { consumer, eventId: job.eventId, topic: job.topic, reason: waitsFor })
  }

  async function bury(job: Job, death: Death): Promise<void> {
    if (isOwnDeadLetter(service, job.topic)) return putAside(job, waitsForPerson)
    const letter = deadLetterEvent({ service, clock, ids }, job, consumer, death)
    await commit(job.tenantId, [
      inbox.claim(job.tenantId, consumer, [job.eventId], 'dead'),
      insertEvents(service, [letter]),
      ...clearing([{ ...job, tracked: true }]),
    ])
    job.acknowledge()
    ports.wake()
    measured.dead(death.reason)
    const { reason, code, attempts } = death
    logger.warn('dead-letter', { consumer, eventId: job.eventId, topic: job.topic, reason, code, attempts })
  }

  async function fail(job: Job, error: unknown): Promise<void> {
    if (error instanceof Unprocessable)
      return bury(job, { reason: 'unprocessable', code: error.code, attempts: 1, firstAt: null })
    const code = codeOf(error)
    const [[row]] = await commit(job.tenantId, [started.fail(keyOf(job), code)])
    job.begun = false
    const attempts = row?.attempts ?? 1
    if (attempts > delaysMs.length)
      return bury(job, { reason: 'exhausted', code, attempts, firstAt: row?.first_at ?? null })
    const delayMs = jittered(delaysMs[attempts - 1] ?? 0)
    logger.error('attempt-failed', error, {
      consumer,
      eventId: job.eventId,
      topic: job.topic,
      attempt: attempts,
      delayMs,
    })
    measured.retried()
    job.retry(delayMs)
  }

  /** Settles one job for good, or throws what `isLater` knows. */
  async function one(job: Job): Promise<void> {
    const { verdict } = job
    if (verdict.kind === 'park') return putAside(job, verdict.waitsFor)
    if (verdict.kind === 'dead') return bury(job, { ...verdict, attempts: 0, firstAt: null })
    try {
      await unlessStale(() => takeEffect(job.tenantId, [job]))
    } catch (error) {
      if (isLater(error) || isClaimed(error)) throw error
      await fail(job, error)
    }
  }

  /** Nothing but "later" comes out; whatever else goes wrong while settling is told and the message comes again. */
  async function surely(job: Job): Promise<void> {
    try {
      await one(job)
    } catch (error) {
      if (isLater(error)) throw error
      if (isClaimed(error)) await dropSettled([job])
      if (job.settled) return
      logger.error('settle-failed', error, { consumer, eventId: job.eventId, topic: job.topic })
      job.retry(jittered(delaysMs.at(-1) ?? 0))
    }
  }

  async function group(jobs: readonly Job[]): Promise<void> {
    const [first] = jobs
    if (jobs.length > 1 && first && jobs.every(({ verdict }) => verdict.kind === 'handle')) {
      try {
        return await unlessStale(() => takeEffect(first.tenantId, jobs))
      } catch (error) {
        if (isLater(error)) throw error
        if (isClaimed(error)) await dropSettled(jobs)
        else logger.debug('group-failed', { consumer, size: jobs.length, code: codeOf(error) })
        const rest = jobs.filter(({ settled }) => !settled)
        if (rest.length < jobs.length) return group(rest)
      }
    }
    for (const job of jobs) await surely(job)
  }

  return {
    together: (jobs) =>
      untilLater(async () => {
        await group(jobs.filter(({ verdict }) => verdict.kind === 'handle'))
        for (const job of jobs) if (job.verdict.kind !== 'handle') await surely(job)
      }),
    alone: (job) =>
      untilLater(async () => {
        if (job.verdict.kind === 'handle' && !job.begun) {
          const [[row]] = await commit(job.tenantId, [started.begin(keyOf(job))])
          job.begun = true
          if (row && row.starts > startsMax) {
            const attempts = row.attempts + startsMax
            return bury(job, { reason: 'never-ended', code: 'never-ended', attempts, firstAt: row.first_at })
          }
        }
        await surely(job)
      }),
    dropSettled: (jobs) => untilLater(() => dropSettled(jobs)),
    async withdraw(jobs) {
      const begun = jobs.filter((job) => job.begun && !job.settled).map(({ eventId }) => eventId)
      if (begun.length > 0) await postgres.worker([started.withdraw(consumer, begun)])
    },
  }
}

async function untilLater(run: () => Promise<void>): Promise<Later | null> {
  try {
    await run()
    return null
  } catch (error) {
    return { why: error }
  }
}

/** A write that met another's is decided again on what is there now. */
async function unlessStale(run: () => Promise<void>): Promise<void> {
  for (let tried = 1; ; tried += 1) {
    try {
      return await run()
    } catch (error) {
      if (!isStale(error) || tried === staleTries) throw error
    }
  }
}

async function withDeadline<Result>(work: Promise<Result>): Promise<Result> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new HandlerTooSlow('The handler did not end in time')), handlerDeadlineMs)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}

function jittered(delayMs: number): number {
  return (delayMs * (100 + randomInt(-jitterPercent, jitterPercent + 1))) / 100
}
