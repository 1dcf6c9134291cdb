import { setTimeout as pause } from 'node:timers/promises'
import { isAccepted, isRefusedForGood, type Answer, type PartnerSystem } from './partner.ts'
import { probe } from './plan.ts'
import type { Report, Send } from './report.ts'

/** What was answered while somebody watched. */
export type Watched = {
  accepted: number
  refused: number
  unanswered: number
  /** 503 without `Retry-After` */
  without: number
  slowestMs: number
}

/** The traffic of a run: messages of the plan at a steady rate, until the scenario is over. */
export type Load = {
  /** messages that were answered 2xx */
  readonly accepted: number
  /** resolves when so many more were accepted */
  accepts(count: number, withinMs: number): Promise<void>
  /** sends the next messages of the plan as fast as they are answered, and resolves when each was accepted */
  burst(count: number): Promise<void>
  /** no message starts until `resume`, and those under way are awaited */
  rest(): Promise<void>
  resume(): void
  /** sends one more report, which has every kind of effect, and resolves with it when it was accepted */
  probe(signal: AbortSignal): Promise<Report>
  /** counts answers from now on, into the object it returns */
  watch(): Watched & Disposable
}

type Options = {
  readonly partners: (answered: (answer: Answer) => void) => PartnerSystem
  readonly plan: Iterator<Send, never>
  readonly perSecond: number
  readonly events: number
}

/** Messages that wait for an answer or for their next attempt; above this a partner system would stop reporting. */
const underWayMax = 96
/** Partners are patient: after the last fault each message gets this long to be accepted. */
const patienceMs = 60_000

export class RunningLoad implements Load {
  readonly #options: Options
  readonly #partners: PartnerSystem
  readonly #watchers = new Set<Watched>()
  readonly #underWay = new Set<Promise<void>>()
  readonly #giveUp = new AbortController()
  #accepted = 0
  #started = 0
  #probes = 0
  #refusedForGood = 0
  #resting = false
  #over = false
  #loop: Promise<void> = Promise.resolve()

  constructor(options: Options) {
    this.#options = options
    this.#partners = options.partners((answer) => this.#note(answer))
  }

  get accepted(): number {
    return this.#accepted
  }

  /** messages that were refused in a way that no repetition changes: there is no reason for any */
  get refusedForGood(): number {
    return this.#refusedForGood
  }

  start(): void {
    this.#loop = this.#run()
  }

  /** Sends what is left of the events asked for, then waits until each message is accepted or given up. */
  async finish(): Promise<void> {
    this.#over = true
    this.#resting = false
    await this.#loop
    const late = setTimeout(() => this.#giveUp.abort(), patienceMs)
    await Promise.all(this.#underWay)
    clearTimeout(late)
  }

  async accepts(count: number, withinMs: number): Promise<void> {
    const wanted = this.#accepted + count
    const endsAt = performance.now() + withinMs
    while (this.#accepted < wanted) {
      if (performance.now() > endsAt) throw new Error(`${count} more webhooks were not accepted within ${withinMs} ms`)
      await pause(10)
    }
  }

  async burst(count: number): Promise<void> {
    const senders = Array.from({ length: 16 }, async () => {
      while (count > 0) {
        count -= 1
        await this.#deliver(this.#options.plan.next().value)
      }
    })
    await Promise.all(senders)
  }

  async rest(): Promise<void> {
    this.#resting = true
    await Promise.all(this.#underWay)
  }

  resume(): void {
    this.#resting = false
  }

  async probe(signal: AbortSignal): Promise<Report> {
    const send = probe((this.#probes += 1))
    const status = await this.#partners.deliver(send, signal)
    if (!isAccepted(status)) throw new Error(`a probe was not accepted, last status ${status}`)
    this.#accepted += 1
    return send.report
  }

  watch(): Watched & Disposable {
    const watched = { accepted: 0, refused: 0, unanswered: 0, without: 0, slowestMs: 0 }
    this.#watchers.add(watched)
    return Object.assign(watched, { [Symbol.dispose]: () => void this.#watchers.delete(watched) })
  }

  async #run(): Promise<void> {
    const { perSecond, events, plan } = this.#options
    let nextAtMs = performance.now()
    while (!this.#over || this.#started < events) {
      if (this.#resting || this.#underWay.size >= underWayMax) {
        await pause(10)
        nextAtMs = performance.now()
        continue
      }
      this.#begin(plan.next().value)
      nextAtMs += 1_000 / perSecond
      const waitMs = nextAtMs - performance.now()
      if (waitMs > 0) await pause(waitMs)
    }
  }

  #begin(send: Send): void {
    this.#started += 1
    const delivery = this.#deliver(send).finally(() => this.#underWay.delete(delivery))
    this.#underWay.add(delivery)
  }

  async #deliver(send: Send): Promise<void> {
    const status = await this.#partners.deliver(send, this.#giveUp.signal)
    if (isAccepted(status)) this.#accepted += 1
    if (isRefusedForGood(status)) this.#refusedForGood += 1
  }

  #note({ status, retryAfter, tookMs }: Answer): void {
    for (const watched of this.#watchers) {
      if (isAccepted(status)) watched.accepted += 1
      else if (status === 0) watched.unanswered += 1
      else watched.refused += 1
      if (status === 503 && retryAfter === null) watched.without += 1
      watched.slowestMs = Math.max(watched.slowestMs, tookMs)
    }
  }
}
