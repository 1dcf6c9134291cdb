import type { Service } from '@csr/contracts/services'
import { laneOf } from '@csr/contracts/streams'
import type { Postgres } from '@csr/postgres/connect'
import { isStale } from '@csr/postgres/errors'
import type { Statement } from '@csr/postgres/statement'
import type { Clock } from '@csr/runtime/clock'
import { uuidTimeMs, type Ids } from '@csr/runtime/ids'
import type { Logger } from '@csr/runtime/logger'
import { deadLetterEvent, isOwnDeadLetter, type Death } from './dead-letters.ts'
import type { Handler } from './handler.ts'
import { inboxOf, isClaimed, type Inbox } from './inbox.ts'
import type { Job, Later } from './job.ts'
import { codeOf, HandlerTooSlow, isLater, Unprocessable } from './outcomes.ts'
import { insertEvents } from './outbox.ts'
import { parkedOf, type ParkedTable } from './parked.ts'
import { endedWithin, jittered, someAtATime, withDeadline, type Patience } from './patience.ts'
import { unlessStale } from './stale.ts'
import { startedOf, type StartedTable } from './started.ts'
import type { ConsumerTelemetry } from './telemetry.ts'
import type { Vault } from './vault.ts'

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
  readonly patience: Patience
  readonly vault?: Vault | undefined
}

/** Consumers can wait longer for a busy database than a caller at the door. */
const groupDeadlineMs = 5_000
/** A group that meets others' writes goes one by one after this many tries; a single message has far more. */
const staleTriesOfGroup = 3
const staleTriesOfOne = 12
/** Then it comes again this much later. It did nothing wrong: no attempt is counted. */
const staleAgainMs = 1_000
const startsMax = 2
/** What goes one by one goes this many at a time, so that one that takes long does not hold up the next. */
const oneByOneMax = 4
/** Messages that go on by themselves; further ones are waited for. */
const apartMax = 64
/** What an own dead letter waits for that cannot be processed. */
const waitsForPerson = 'person'

/**
 * The settle table: what becomes of a message. A transaction holds the claim in the inbox, what the handler returned, its
 * events for the outbox, and the end of the rows that tracked the message; only then is the message acknowledged.
 */
export class Settler {
  readonly #ports: SettlePorts
  readonly #handler: Handler
  readonly #consumer: string
  readonly #measured: ReturnType<ConsumerTelemetry>
  readonly #inbox: Inbox
  readonly #started: StartedTable
  readonly #parked: ParkedTable
  #apart = 0
  #carefulUntilMs = 0

  constructor(ports: SettlePorts, handler: Handler, consumer: string, measured: ReturnType<ConsumerTelemetry>) {
    this.#ports = ports
    this.#handler = handler
    this.#consumer = consumer
    this.#measured = measured
    this.#inbox = inboxOf(ports.service)
    this.#started = startedOf(ports.service)
    this.#parked = parkedOf(ports.service)
  }

  /** First deliveries of one tenant: one transaction, or one by one where that fails. */
  together(jobs: readonly Job[]): Promise<Later | null> {
    return untilLater(async () => {
      await this.#group(jobs.filter(({ verdict }) => verdict.kind === 'handle'))
      const unread = jobs.filter(({ verdict }) => verdict.kind !== 'handle')
      await someAtATime(oneByOneMax, unread, (job) => this.#surely(job))
    })
  }

  /** A suspect: recorded as begun before it runs, given up when it began twice and never ended. */
  alone(job: Job): Promise<Later | null> {
    return untilLater(async () => {
      if (job.verdict.kind === 'handle' && !job.begun) {
        const [, [row]] = await this.#commit(job.tenantId, this.#started.begin(this.#keyOf(job)))
        job.begun = true
        job.tracked = true
        if (row && row.starts > startsMax) {
          const attempts = row.attempts + startsMax
          return this.#bury(job, { reason: 'never-ended', code: 'never-ended', attempts, firstAt: row.first_at })
        }
      }
      await this.#patiently(job)
    })
  }

  /** Acknowledges those that took effect before, as far as the inbox knows; marks those that ran when a process ended. */
  dropSettled(jobs: readonly Job[]): Promise<Later | null> {
    return untilLater(() => this.#dropSettled(jobs))
  }

  /** Takes back the begins of what will not run now. */
  async withdraw(jobs: readonly Job[]): Promise<void> {
    const begun = jobs.filter((job) => job.begun && !job.settled).map(({ eventId }) => eventId)
    if (begun.length > 0) await this.#ports.postgres.worker([this.#started.withdraw(this.#consumer, begun)])
  }

  async #group(jobs: readonly Job[]): Promise<void> {
    const { patience, logger } = this.#ports
    const [first] = jobs
    if (first && jobs.length > 1 && performance.now() > this.#carefulUntilMs) {
      try {
        return await unlessStale(staleTriesOfGroup, () => this.#takeEffect(first.tenantId, jobs, patience.groupMs))
      } catch (error) {
        if (isLater(error)) throw error
        if (isClaimed(error)) await this.#dropSettled(jobs)
        else logger.debug('group-failed', { consumer: this.#consumer, size: jobs.length, code: codeOf(error) })
        if (error instanceof HandlerTooSlow) this.#carefulUntilMs = performance.now() + patience.carefulMs
        const rest = jobs.filter(({ settled }) => !settled)
        if (rest.length < jobs.length) return this.#group(rest)
      }
    }
    await someAtATime(oneByOneMax, jobs, (job) => this.#patiently(job))
  }

  /** A message that takes long goes on by itself, so that it holds up nobody. */
  async #patiently(job: Job): Promise<void> {
    const running = this.#surely(job)
    if (await endedWithin(this.#ports.patience.oneMs, running)) return
    if (this.#apart >= apartMax) return running
    this.#apart += 1
    job.apart = untilLater(() => running).finally(() => (this.#apart -= 1))
  }

  /** Nothing but "later" comes out; whatever else goes wrong while settling is told and the message comes again. */
  async #surely(job: Job): Promise<void> {
    try {
      await this.#one(job)
    } catch (error) {
      if (isLater(error)) throw error
      if (isClaimed(error)) await this.#dropSettled([job])
      if (job.settled) return
      this.#ports.logger.error('settle-failed', error, this.#describe(job))
      job.retry(jittered(this.#ports.delaysMs.at(-1) ?? staleAgainMs))
    }
  }

  async #one(job: Job): Promise<void> {
    const { verdict } = job
    if (verdict.kind === 'park') return this.#putAside(job, verdict.waitsFor)
    if (verdict.kind === 'dead') return this.#bury(job, { ...verdict, attempts: 0, firstAt: null })
    try {
      await unlessStale(staleTriesOfOne, () => this.#takeEffect(job.tenantId, [job], this.#ports.patience.handlerMs))
    } catch (error) {
      if (isLater(error) || isClaimed(error)) throw error
      if (isStale(error)) return this.#bringAgain(job)
      await this.#dropSettled([job])
      if (!job.settled) await this.#fail(job, error)
    }
  }

  async #takeEffect(tenantId: string, jobs: readonly Job[], withinMs: number): Promise<void> {
    const { service, wake, release } = this.#ports
    const events = jobs.flatMap(({ verdict }) => (verdict.kind === 'handle' ? [verdict.event] : []))
    const sources = jobs.map(({ stream, epoch, sequence }) => ({ stream, epoch, sequence }))
    const lane = laneOf(jobs[0]?.topic ?? '')
    const writes = await withDeadline(withinMs, this.#handler.handle(tenantId, events, sources))
    const waits = new Map(writes.parked?.map(({ eventId, waitsFor }) => [eventId.toLowerCase(), waitsFor]))
    const done = jobs.filter(({ eventId }) => !waits.has(eventId))
    const waiting = jobs.filter(({ eventId }) => waits.has(eventId))
    await this.#commit(tenantId, [
      ...(done.length > 0 ? [this.#claim(tenantId, done, 'done')] : []),
      ...writes.statements,
      ...(writes.events.length > 0 ? [insertEvents(service, writes.events, lane)] : []),
      ...waiting.map((job) => this.#parked.put({ ...this.#keyOf(job), waitsFor: waits.get(job.eventId) ?? '' }, job)),
      ...this.#clearing(done.filter(({ tracked }) => tracked)),
    ])
    for (const job of jobs) job.acknowledge()
    if (writes.events.length > 0) wake()
    if (writes.releases && writes.releases.length > 0) release(writes.releases)
    this.#observe(done, waiting)
  }

  async #dropSettled(jobs: readonly Job[]): Promise<void> {
    if (jobs.length === 0) return
    const eventIds = jobs.map(({ eventId }) => eventId)
    const lookups = [
      this.#inbox.settled(this.#consumer, eventIds),
      this.#started.blamed(this.#consumer, eventIds),
    ] as const
    const [rows, blamed] = await this.#ports.postgres.worker(lookups, { deadlineMs: groupDeadlineMs })
    const suspected = new Set(blamed.map(({ event_id }) => event_id))
    for (const job of jobs) job.blamed = suspected.has(job.eventId)
    const known = new Set(rows.map(({ event_id }) => event_id))
    const settled = jobs.filter(({ eventId }) => known.has(eventId))
    const clearing = this.#clearing(settled.filter(({ tracked }) => tracked))
    if (clearing.length > 0) await this.#ports.postgres.worker(clearing, { deadlineMs: groupDeadlineMs })
    for (const job of settled) job.acknowledge()
    if (settled.length > 0) this.#measured.duplicate(settled.length)
  }

  async #fail(job: Job, error: unknown): Promise<void> {
    const { delaysMs, logger } = this.#ports
    if (error instanceof Unprocessable)
      return this.#bury(job, { reason: 'unprocessable', code: error.code, attempts: 1, firstAt: null })
    const code = codeOf(error)
    const [[row]] = await this.#commit(job.tenantId, [this.#started.fail(this.#keyOf(job), code)])
    job.begun = false
    const attempts = row?.attempts ?? 1
    if (attempts > delaysMs.length)
      return this.#bury(job, { reason: 'exhausted', code, attempts, firstAt: row?.first_at ?? null })
    const delayMs = jittered(delaysMs[attempts - 1] ?? staleAgainMs)
    logger.error('attempt-failed', error, { ...this.#describe(job), attempt: attempts, delayMs })
    this.#measured.retried()
    job.retry(delayMs)
  }

  /** What others change all the time comes again, as if it had not begun. */
  async #bringAgain(job: Job): Promise<void> {
    await this.withdraw([job])
    job.begun = false
    this.#ports.logger.warn('stale-again', this.#describe(job))
    this.#measured.retried()
    job.retry(jittered(staleAgainMs))
  }

  async #putAside(job: Job, waitsFor: string): Promise<void> {
    await this.#commit(job.tenantId, [this.#parked.put({ ...this.#keyOf(job), waitsFor }, job)])
    job.acknowledge()
    this.#measured.parked(1)
    this.#ports.logger.info('parked', { ...this.#describe(job), reason: waitsFor })
  }

  async #bury(job: Job, death: Death): Promise<void> {
    const { service, logger, wake } = this.#ports
    if (isOwnDeadLetter(service, job.topic)) return this.#putAside(job, waitsForPerson)
    const answer = job.verdict.kind === 'handle' ? this.#handler.giveUp?.(job.verdict.event, death) : undefined
    const letter = answer ?? (await deadLetterEvent(this.#ports, job, this.#consumer, death))
    await this.#commit(job.tenantId, [
      this.#claim(job.tenantId, [job], 'dead'),
      insertEvents(service, [letter]),
      ...this.#clearing([job]),
    ])
    job.acknowledge()
    wake()
    if (!answer) this.#measured.dead(death.reason)
    const { reason, code, attempts } = death
    logger.warn(answer ? 'replay-failed' : 'dead-letter', { ...this.#describe(job), reason, code, attempts })
  }

  #commit<const S extends readonly Statement[]>(tenantId: string, statements: S) {
    return this.#ports.postgres.group(tenantId, statements, { deadlineMs: groupDeadlineMs })
  }

  #claim(tenantId: string, jobs: readonly Job[], state: 'done' | 'dead'): Statement {
    const eventIds = jobs.map(({ eventId }) => eventId)
    return this.#inbox.claim(tenantId, this.#consumer, eventIds, state)
  }

  /** Deletes what tracked these messages, in the transaction that settles them. */
  #clearing(jobs: readonly Job[]): Statement[] {
    if (jobs.length === 0) return []
    const eventIds = jobs.map(({ eventId }) => eventId)
    return [this.#started.clear(this.#consumer, eventIds), this.#parked.clear(this.#consumer, eventIds)]
  }

  #observe(done: readonly Job[], waiting: readonly Job[]): void {
    const nowMs = this.#ports.clock.nowMs()
    this.#measured.effective(done.length)
    for (const { eventId } of done) this.#measured.lagged(nowMs - uuidTimeMs(eventId))
    if (waiting.length > 0) this.#measured.parked(waiting.length)
  }

  #keyOf({ tenantId, eventId }: Job) {
    return { tenantId, consumer: this.#consumer, eventId, at: this.#ports.clock.now() }
  }

  #describe({ eventId, topic }: Job) {
    return { consumer: this.#consumer, eventId, topic }
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
