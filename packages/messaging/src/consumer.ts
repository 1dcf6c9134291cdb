import type { Durable } from '@csr/contracts/consumers'
import { bulkPrefix } from '@csr/contracts/streams'
import type { Readiness } from '@csr/runtime/lifecycle'
import type { Msg } from '@nats-io/transport-node'
import type { Gate } from './alone.ts'
import type { Nats } from './connect.ts'
import type { Handler } from './handler.ts'
import { createReader, type Reader } from './held.ts'
import { jobOf, readDelivery, receivedOf, type Job, type Later } from './job.ts'
import { createLanes, groupMax, type Group, type Lanes } from './lanes.ts'
import { codeOf } from './outcomes.ts'
import { Puller } from './pull.ts'
import { createBackoff } from './pulse.ts'
import { Settler, type SettlePorts } from './settle.ts'
import type { ConsumerTelemetry } from './telemetry.ts'

export type ConsumerOptions = {
  readonly ports: SettlePorts
  readonly nats: Nats
  readonly handler: Handler
  /** name in the inbox, the same for all durables of the handler */
  readonly name: string
  readonly durables: readonly Durable[]
  readonly gate: Gate
  readonly measured: ReturnType<ConsumerTelemetry>
}

/** Messages held from one durable at most. */
const windowMax = 512
/** Asking again pays off once this much of the window is free. */
const pullLeast = windowMax / 4
/** Groups of different tenants that run at the same time. */
const groupsMax = 4
/** How far apart groups begin at most that take long: somebody waits for what is live, nobody for bulk. */
const liveRestMostMs = 60
const bulkRestMostMs = 250
/** A held message is renewed well within the durable's `ack_wait` of 10 s. */
const renewEveryMs = 2_000
const renewAfterMs = 3_000
const drainMs = 5_000
/** What was running when a process ended comes this much later, so that its neighbours are out of its way. */
const blamedPauseMs = 2_000

type Source = { readonly puller: Puller; readonly held: Map<number, Job>; readonly lanes: Lanes }

/**
 * One handler over all its durables: pulls within a bounded window, keeps one queue per tenant, live before bulk, and has
 * the settler decide what becomes of each message. While a dependency is away it stops pulling, keeps what it holds and
 * probes with one group at a time.
 */
export class Consumer {
  readonly #options: ConsumerOptions
  readonly #settler: Settler
  readonly #read: Reader
  readonly #live: Lanes
  readonly #bulk: Lanes
  readonly #sources = new Map<string, Source>()
  readonly #suspects: Job[] = []
  readonly #apart = new Set<Job>()
  readonly #parked = new Set<string>()
  readonly #busy = new Set<string>()
  readonly #backoff = createBackoff(200, 5_000)
  readonly #renewal: NodeJS.Timeout
  #running = 0
  #suspecting = false
  #scheduled = false
  #timer: NodeJS.Timeout | undefined
  #trouble: { readonly why: string; readonly untilMs: number } | null = null
  #stopping = false

  constructor(options: ConsumerOptions) {
    const { ports, handler, name, measured } = options
    this.#options = options
    this.#settler = new Settler(ports, handler, name, measured)
    this.#read = createReader(handler.event)
    this.#live = createLanes(handler.paceMs, liveRestMostMs)
    this.#bulk = createLanes(handler.paceMs, bulkRestMostMs)
    for (const durable of options.durables) this.#sources.set(durable.stream, this.#open(durable))
    this.#renewal = setInterval(() => this.#renew(), renewEveryMs)
  }

  /** What is missing for messages to be processed. */
  get readiness(): Readiness {
    if (this.#trouble) return { ready: false, missing: `${this.#options.name}: ${this.#trouble.why}` }
    const missing = [...this.#sources.values()].map(({ puller }) => puller.missing).find((what) => what !== null)
    return missing ? { ready: false, missing } : { ready: true }
  }

  /** Takes messages out of the table `parked`; they are suspects, for they have been tried before. */
  takeParked(jobs: readonly Job[]): void {
    for (const job of jobs) {
      if (this.#parked.has(job.eventId)) continue
      this.#parked.add(job.eventId)
      this.#suspects.push(job)
    }
    this.#schedule()
  }

  get reader(): Reader {
    return this.#read
  }

  /** Receives nothing more, settles what it holds within 5 s, gives the rest back to be delivered again at once. */
  async stop(): Promise<void> {
    this.#stopping = true
    await Promise.all([...this.#sources.values()].map(({ puller }) => puller.stop()))
    const lastMs = performance.now() + drainMs
    while (this.#holding() && !this.#trouble && performance.now() < lastMs) {
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    clearInterval(this.#renewal)
    clearTimeout(this.#timer)
    this.#timer = undefined
    await this.#settler.withdraw([...this.#suspects, ...this.#apart]).catch(() => undefined)
    for (const { held } of this.#sources.values()) for (const job of held.values()) job.retry(0)
  }

  #open(durable: Durable): Source {
    const { nats, ports } = this.#options
    const held = new Map<number, Job>()
    const lanes = durable.filter.startsWith(bulkPrefix) ? this.#bulk : this.#live
    const puller = new Puller({
      nats,
      durable,
      onReady: () => this.#schedule(),
      onMessage: (message, epoch) => this.#receive(message, { stream: durable.stream, epoch }, { held, lanes }),
    })
    ports.logger.info('consumer-open', { consumer: this.#options.name, stream: durable.stream, durable: durable.name })
    return { puller, held, lanes }
  }

  #receive(message: Msg, from: { stream: string; epoch: string }, to: Pick<Source, 'held' | 'lanes'>): void {
    const delivery = readDelivery(message)
    const known = to.held.get(delivery.sequence)
    if (known && known.epoch === from.epoch) return known.redirect(message)
    const held = this.#read(receivedOf(message, delivery, from), this.#options.ports.clock.nowMs())
    const job = jobOf(message, delivery, held)
    to.held.set(delivery.sequence, job)
    if (job.origin === 'again' || this.#options.handler.alone) this.#suspects.push(job)
    else to.lanes.add(job)
    this.#schedule()
  }

  /** What arrives in one turn of the event loop is looked at together. */
  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.#dispatch()
    })
  }

  #dispatch(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const nowMs = performance.now()
    const waitMs = this.#trouble ? this.#trouble.untilMs - nowMs : 0
    if (waitMs > 0) return this.#dispatchIn(waitMs)
    const most = this.#trouble ? 1 : groupsMax
    if (this.#suspects.length > 0 && !this.#suspecting && this.#running < most) void this.#runSuspects()
    while (this.#running < most) {
      const live = this.#live.take(nowMs, this.#busy)
      const next = typeof live === 'number' ? this.#bulk.take(nowMs, this.#busy) : live
      if (typeof next === 'number') {
        const soonestMs = Math.min(next, typeof live === 'number' ? live : Infinity)
        if (soonestMs < Infinity) this.#dispatchIn(soonestMs)
        break
      }
      void this.#runGroup(next, next === live ? this.#live : this.#bulk)
    }
    this.#refill()
  }

  #dispatchIn(ms: number): void {
    if (this.#stopping && this.#trouble) return
    this.#timer ??= setTimeout(() => this.#dispatch(), ms)
  }

  async #runGroup(group: Group, lanes: Lanes): Promise<void> {
    this.#running += 1
    this.#busy.add(group.tenantId)
    const beganMs = performance.now()
    const later = await this.#options.gate.together(() => this.#settler.together(group.jobs))
    lanes.rest(group.tenantId, beganMs, performance.now())
    this.#follow(group.jobs, (job) => lanes.putBack(job.tenantId, [job]))
    const rest = this.#unsettled(group.jobs)
    if (rest.length > 0) lanes.putBack(group.tenantId, rest)
    this.#busy.delete(group.tenantId)
    this.#finish(later)
  }

  /** Suspects run one by one, each alone in the process, after those that took effect before are sorted out. */
  async #runSuspects(): Promise<void> {
    this.#running += 1
    this.#suspecting = true
    const batch = this.#suspects.splice(0, groupMax)
    let later = await this.#settler.dropSettled(batch)
    const now = this.#neighboursFirst(batch)
    for (const job of now) {
      if (later) break
      if (!job.settled) later = await this.#options.gate.alone(() => this.#settler.alone(job))
    }
    this.#follow(now, (job) => this.#suspects.push(job))
    this.#suspects.unshift(...this.#unsettled(now))
    this.#suspecting = false
    this.#finish(later)
  }

  /** Puts aside for a while what was running when a process ended, and returns the others. */
  #neighboursFirst(jobs: readonly Job[]): Job[] {
    const aside = jobs.filter((job) => job.blamed && !job.paused && !job.settled)
    for (const job of aside) job.paused = true
    if (aside.length > 0) setTimeout(() => this.#bringBack(aside), blamedPauseMs)
    return jobs.filter((job) => !aside.includes(job))
  }

  #bringBack(jobs: readonly Job[]): void {
    if (this.#stopping) return
    this.#suspects.push(...jobs)
    this.#schedule()
  }

  /** Looks after those that go on by themselves until they end; what is to be tried again is put back then. */
  #follow(jobs: readonly Job[], putBack: (job: Job) => void): void {
    for (const job of jobs) {
      if (!job.apart || this.#apart.has(job)) continue
      this.#apart.add(job)
      void this.#followOne(job, job.apart, putBack)
    }
  }

  async #followOne(job: Job, ended: Promise<Later | null>, putBack: (job: Job) => void): Promise<void> {
    const later = await ended
    job.apart = undefined
    this.#apart.delete(job)
    if (this.#unsettled([job]).length > 0) putBack(job)
    if (later) this.#wait(later)
    this.#schedule()
  }

  #wait({ why }: Later): void {
    const { ports, name, measured } = this.#options
    const delayMs = this.#backoff.next()
    if (!this.#trouble) ports.logger.error('consumer-waits', why, { consumer: name, reason: codeOf(why) })
    this.#trouble = { why: codeOf(why), untilMs: performance.now() + delayMs }
    measured.waited()
  }

  #finish(later: Later | null): void {
    const { ports, name } = this.#options
    this.#running -= 1
    if (later) this.#wait(later)
    else if (this.#trouble) {
      ports.logger.info('consumer-goes-on', { consumer: name })
      this.#trouble = null
      this.#backoff.reset()
    }
    this.#schedule()
  }

  /** Lets go of what is settled, returns the rest but for those that go on by themselves. */
  #unsettled(jobs: readonly Job[]): Job[] {
    for (const { settled, origin, eventId, stream, sequence } of jobs) {
      if (!settled) continue
      if (origin === 'parked') this.#parked.delete(eventId)
      else this.#sources.get(stream)?.held.delete(sequence)
    }
    return jobs.filter(({ settled, apart }) => !settled && !apart)
  }

  #refill(): void {
    if (this.#stopping || this.#trouble) return
    for (const { puller, held } of this.#sources.values()) {
      const free = windowMax - held.size
      if (free >= pullLeast) puller.pull(free)
    }
  }

  #renew(): void {
    const lateMs = performance.now() - renewAfterMs
    for (const { held } of this.#sources.values()) {
      for (const job of held.values()) if (job.touchedMs < lateMs) job.working()
    }
    this.#live.prune(lateMs)
    this.#bulk.prune(lateMs)
    this.#schedule()
  }

  #holding(): boolean {
    return (
      this.#running > 0 || this.#suspects.length > 0 || [...this.#sources.values()].some(({ held }) => held.size > 0)
    )
  }
}
