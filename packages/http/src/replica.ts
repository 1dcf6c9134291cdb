import type { Readable } from 'node:stream'
import CircuitBreaker from 'opossum'
import { Pool, type Dispatcher } from 'undici'
import { Exchange, type UpstreamAnswer } from './exchange.ts'

/** What is sent to a replica; the deadline is a time of `performance.now()`. */
export type Sending = {
  readonly method: Dispatcher.HttpMethod
  readonly path: string
  readonly body: Buffer | string | Readable | null
  /** names and values in turn, made when it is sent: they tell the time that is left */
  readonly headers: (leftMs: number) => string[]
  readonly deadlineAtMs: number
  readonly signal: AbortSignal | undefined
}

type Options = {
  readonly url: string
  readonly connections: number
  /** told when the breaker opens and closes */
  readonly onBreaker: (state: 'open' | 'closed') => void
}

const connectTimeoutMs = 500
const bodyIdleMs = 30_000

/** Opens after half of at least 20 calls within 5 s failed; tries again after a second, so that a restart is found soon. */
const breakerSettings = {
  timeout: false,
  errorThresholdPercentage: 50,
  volumeThreshold: 20,
  rollingCountTimeout: 5_000,
  rollingCountBuckets: 5,
  rollingPercentilesEnabled: false,
  resetTimeout: 1_000,
  errorFilter: (error: unknown) => error instanceof CallerGone,
} as const

/** A replica is asked whether it is ready this often, and believed to be gone if it does not say so within the limit. */
const probeEveryMs = 1_000
const probeWithinMs = 800
const probe = { method: 'GET', path: '/health/readiness', body: null, headers: () => [], signal: undefined } as const

/** One address of another service: a pool of connections, a breaker in front of it, and whether it is ready. */
export class Replica {
  readonly #pool: Pool
  readonly #breaker: CircuitBreaker<[Sending], UpstreamAnswer>
  #underWay = 0
  #ready = true
  #probing: NodeJS.Timeout | undefined
  #isAsked = false

  constructor({ url, connections, onBreaker }: Options) {
    this.#pool = new Pool(url, {
      connections,
      pipelining: 1,
      headersTimeout: 0,
      bodyTimeout: bodyIdleMs,
      connect: { timeout: connectTimeoutMs },
    })
    this.#breaker = new CircuitBreaker((sending: Sending) => this.#exchange(sending), breakerSettings)
    this.#breaker.on('open', () => onBreaker('open'))
    this.#breaker.on('close', () => onBreaker('closed'))
  }

  /** calls sent and not answered yet */
  get underWay(): number {
    return this.#underWay
  }

  /** what it said of itself last, where it is asked at all */
  get isReady(): boolean {
    return this.#ready
  }

  /** false while the breaker is open */
  get isUsable(): boolean {
    return this.#breaker.closed || this.#breaker.pendingClose
  }

  /** Sends one request. Throws what the connection met, `DeadlinePassed`, `CallerGone`, or opossum's EOPENBREAKER. */
  async send(sending: Sending): Promise<UpstreamAnswer> {
    this.#underWay += 1
    try {
      return await this.#breaker.fire(sending)
    } finally {
      this.#underWay -= 1
    }
  }

  /** Asks from now on whether it is ready. Of use only where there is another to take its place. */
  watch(): void {
    this.#probing ??= setInterval(() => void this.ask(), probeEveryMs).unref()
  }

  /** Nothing listened there: not ready until it says so itself. */
  giveUp(): void {
    this.#ready = false
  }

  /** Asks now. The question stands in the same queue as calls: who cannot answer it in time has no time for them either. */
  async ask(): Promise<void> {
    if (this.#isAsked || this.#probing === undefined) return
    this.#isAsked = true
    try {
      const { status } = await this.#exchange({ ...probe, deadlineAtMs: performance.now() + probeWithinMs })
      this.#ready = status === 200
    } catch {
      this.#ready = false
    } finally {
      this.#isAsked = false
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#probing)
    this.#probing = undefined
    this.#breaker.shutdown()
    await this.#pool.destroy()
  }

  #exchange(sending: Sending): Promise<UpstreamAnswer> {
    const { method, path, body, signal } = sending
    const leftMs = sending.deadlineAtMs - performance.now()
    if (leftMs <= 0) return Promise.reject(new DeadlinePassed())
    if (signal?.aborted) return Promise.reject(new CallerGone())
    return new Promise((resolve, reject) => {
      const handler = new Exchange(method, resolve, reject)
      handler.endAfter(leftMs, () => new DeadlinePassed())
      if (signal) handler.endOn(signal, () => new CallerGone())
      this.#pool.dispatch({ method, path, body, headers: sending.headers(leftMs) }, handler)
    })
  }
}

export class DeadlinePassed extends Error {
  readonly code = 'deadline'
}

/** Whoever asked hung up: says nothing about the other service. */
export class CallerGone extends Error {
  constructor() {
    super('the caller hung up')
    this.name = 'UpstreamUnavailable'
  }
}
