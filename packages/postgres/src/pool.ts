import type { Logger } from '@csr/runtime/logger'
import type { Readiness } from '@csr/runtime/lifecycle'
import { PostgresUnavailable } from './errors.ts'
import { openLane, type Lane } from './lane.ts'

export type PoolOptions = {
  readonly name: string
  readonly url: string
  readonly applicationName: string
  readonly connectionsMax: number
  readonly logger: Logger
}

/** Time for TCP, authentication and the first checks. */
const openMs = 1_000
/** Flat: a server that comes back is noticed at once, however long it was away. */
const backoffMs = 100
/** An idle pool asks this often whether its server still answers, and waits as long for the answer. */
const probeEveryMs = 1_000

type Waiting = { resolve(lane: Lane): void; reject(error: Error): void; timer: NodeJS.Timeout }

/**
 * A small pool of lanes: first come, first served; what is broken is thrown away and replaced. Nothing is opened before
 * `start` or the first `take`.
 */
export class Pool {
  readonly #options: PoolOptions
  readonly #lanes = new Set<Lane>()
  readonly #idle: Lane[] = []
  readonly #waiting = new Set<Waiting>()
  #opening = 0
  #failure: PostgresUnavailable | null = null
  #everOpened = false
  #closed = false
  #used = false
  #retry: NodeJS.Timeout | null = null
  #probes: NodeJS.Timeout | null = null

  constructor(options: PoolOptions) {
    this.#options = options
  }

  /** Opens the first connection, and from then on keeps at least one and looks after it. */
  start(): void {
    if (this.#probes || this.#closed) return
    this.#probes = setInterval(() => void this.#probe(), probeEveryMs)
    this.#grow()
  }

  /** A free lane, waited for `waitMs` at most; fails with PostgresUnavailable. */
  take(waitMs: number): Lane | Promise<Lane> {
    if (this.#closed) return Promise.reject(new PostgresUnavailable('closed', 'no'))
    this.#used = true
    return this.#idle.pop() ?? this.#wait(waitMs)
  }

  /** Hands a lane to whoever waits longest; one that is closed is dropped. */
  giveBack(lane: Lane): void {
    if (lane.closed) return
    if (this.#closed) return lane.end()
    for (const next of this.#waiting) {
      this.#waiting.delete(next)
      clearTimeout(next.timer)
      return next.resolve(lane)
    }
    this.#idle.push(lane)
  }

  readiness(): Readiness {
    const { name } = this.#options
    const failure = this.#lanes.size === 0 ? this.#failure : null
    if (failure) return { ready: false, missing: `${name}: ${failure.code ?? failure.reason}` }
    return this.#everOpened ? { ready: true } : { ready: false, missing: `${name}: connecting` }
  }

  counts(): { open: number; waiting: number } {
    return { open: this.#lanes.size, waiting: this.#waiting.size }
  }

  /** Refuses who waits, lets running groups end within the time given, and closes all connections. */
  async close(withinMs: number): Promise<void> {
    this.#closed = true
    if (this.#probes) clearInterval(this.#probes)
    if (this.#retry) clearTimeout(this.#retry)
    for (const { timer, reject } of this.#waiting) {
      clearTimeout(timer)
      reject(new PostgresUnavailable('closed', 'no'))
    }
    this.#waiting.clear()
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => this.#lanes.forEach((lane) => lane.destroy()), withinMs)
      const check = (): void => {
        if (this.#lanes.size > 0) return
        clearTimeout(timer)
        resolve()
      }
      for (const lane of this.#lanes) lane.onClose(check)
      for (const lane of [...this.#idle]) lane.end()
      check()
    })
  }

  #wait(waitMs: number): Promise<Lane> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(entry)
        const cause = this.#lanes.size === 0 ? this.#failure : null
        reject(new PostgresUnavailable(cause?.reason ?? 'wait', 'no', cause?.code))
      }, waitMs)
      const entry: Waiting = { resolve, reject, timer }
      this.#waiting.add(entry)
      this.#grow()
    })
  }

  /** Opens what is missing; after a failure one at a time, so that a server coming up is not stormed. */
  #grow(): void {
    if (this.#closed || this.#retry) return
    const wanted = Math.max(this.#waiting.size, this.#lanes.size === 0 ? 1 : 0) - this.#opening
    const free = this.#options.connectionsMax - this.#lanes.size
    const room = Math.min(free, this.#failure ? 1 : free) - this.#opening
    for (let count = Math.min(wanted, room); count > 0; count -= 1) void this.#open()
  }

  async #open(): Promise<void> {
    const { url, applicationName } = this.#options
    this.#opening += 1
    try {
      const lane = await openLane({ url, applicationName, openMs })
      this.#opening -= 1
      this.#admit(lane)
    } catch (error) {
      this.#opening -= 1
      this.#noteFailure(error as PostgresUnavailable)
    }
    this.#grow()
  }

  #admit(lane: Lane): void {
    if (this.#closed) return lane.end()
    if (this.#failure) this.#options.logger.info('postgres-reachable', { name: this.#options.name })
    this.#failure = null
    this.#everOpened = true
    this.#lanes.add(lane)
    lane.onClose(() => this.#forget(lane))
    this.giveBack(lane)
  }

  #noteFailure(error: PostgresUnavailable): void {
    if (this.#closed) return
    const { name, logger } = this.#options
    if (!this.#failure) logger.warn('postgres-unreachable', { name, reason: error.reason, code: error.code })
    this.#failure = error
    this.#retry ??= setTimeout(() => {
      this.#retry = null
      this.#grow()
    }, backoffMs)
  }

  #forget(lane: Lane): void {
    this.#lanes.delete(lane)
    const at = this.#idle.indexOf(lane)
    if (at !== -1) this.#idle.splice(at, 1)
    if (this.#probes || this.#waiting.size > 0) this.#grow()
  }

  /** Where one idle connection does not answer, no other will. */
  async #probe(): Promise<void> {
    const lane = this.#used ? undefined : this.#idle.pop()
    this.#used = false
    if (!lane) return this.#grow()
    const timer = setTimeout(() => lane.destroy(), probeEveryMs)
    try {
      await lane.ask('select 1')
      this.giveBack(lane)
    } catch {
      for (const silent of [lane, ...this.#idle]) silent.destroy()
    } finally {
      clearTimeout(timer)
    }
  }
}
