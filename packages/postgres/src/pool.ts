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

/** A small pool of lanes: first come, first served; what is broken is thrown away and replaced. */
export interface Pool {
  /** waits at most `waitMs` for a free lane; fails with PostgresUnavailable */
  take(waitMs: number): Lane | Promise<Lane>
  /** gives a lane back; a closed one is replaced if somebody waits */
  giveBack(lane: Lane): void
  start(): void
  readiness(): Readiness
  connections(): { open: number; busy: number; waiting: number }
  close(withinMs: number): Promise<void>
}

/** Time for TCP, authentication and the first checks. */
const openMs = 1_000
/** Flat: a server that comes back is noticed at once, however long it was away. */
const backoffMs = 100
/** An idle pool asks this often whether its server still answers, and waits as long for the answer. */
const probeEveryMs = 1_000

type Waiting = { resolve(lane: Lane): void; reject(error: Error): void; timer: NodeJS.Timeout }

/** Creates the pool; nothing is opened before `start` or the first `take`. */
export function createPool(options: PoolOptions): Pool {
  const lanes = new Set<Lane>()
  const idle: Lane[] = []
  const waiting = new Set<Waiting>()
  let opening = 0
  let failure: PostgresUnavailable | null = null
  let everOpened = false
  let closed = false
  let retry: NodeJS.Timeout | null = null
  let probes: NodeJS.Timeout | null = null
  let used = false

  /** Opens what is missing; after a failure one at a time, so that a server coming up is not stormed. */
  function grow(): void {
    if (closed || retry) return
    const wanted = Math.max(waiting.size, lanes.size === 0 ? 1 : 0) - opening
    const room = Math.min(failure ? 1 : options.connectionsMax, options.connectionsMax - lanes.size) - opening
    for (let count = Math.min(wanted, room); count > 0; count -= 1) void open()
  }

  async function open(): Promise<void> {
    opening += 1
    try {
      const lane = await openLane({ url: options.url, applicationName: options.applicationName, openMs })
      if (failure) options.logger.info('postgres-reachable', { name: options.name })
      failure = null
      everOpened = true
      opening -= 1
      admit(lane)
    } catch (error) {
      opening -= 1
      noteFailure(error as PostgresUnavailable)
    }
    grow()
  }

  function admit(lane: Lane): void {
    if (closed) return lane.end()
    lanes.add(lane)
    lane.onClose(() => forget(lane))
    pass(lane)
  }

  function noteFailure(error: PostgresUnavailable): void {
    if (!failure && !closed)
      options.logger.warn('postgres-unreachable', { name: options.name, reason: error.reason, code: error.code })
    failure = error
    if (closed || retry) return
    retry = setTimeout(() => {
      retry = null
      grow()
    }, backoffMs)
  }

  function forget(lane: Lane): void {
    lanes.delete(lane)
    const at = idle.indexOf(lane)
    if (at !== -1) idle.splice(at, 1)
    if (probes || waiting.size > 0) grow()
  }

  function pass(lane: Lane): void {
    if (lane.closed) return
    if (closed) return lane.end()
    for (const next of waiting) {
      waiting.delete(next)
      clearTimeout(next.timer)
      return next.resolve(lane)
    }
    idle.push(lane)
  }

  function wait(waitMs: number): Promise<Lane> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        waiting.delete(entry)
        const cause = lanes.size === 0 ? failure : null
        reject(new PostgresUnavailable(cause?.reason ?? 'wait', 'no', cause?.code))
      }, waitMs)
      const entry: Waiting = { resolve, reject, timer }
      waiting.add(entry)
      grow()
    })
  }

  async function probe(): Promise<void> {
    const lane = used ? undefined : idle.pop()
    used = false
    if (!lane) return lanes.size === 0 ? grow() : undefined
    const timer = setTimeout(() => lane.destroy(), probeEveryMs)
    try {
      await lane.ask('select 1')
      pass(lane)
    } catch {
      for (const silent of [lane, ...idle]) silent.destroy()
    } finally {
      clearTimeout(timer)
    }
  }

  return {
    take(waitMs) {
      if (closed) return Promise.reject(new PostgresUnavailable('closed', 'no'))
      used = true
      return idle.pop() ?? wait(waitMs)
    },
    giveBack(lane) {
      pass(lane)
    },
    start() {
      if (probes || closed) return
      probes = setInterval(() => void probe(), probeEveryMs)
      grow()
    },
    readiness() {
      if (failure && lanes.size === 0)
        return { ready: false, missing: `${options.name}: ${failure.code ?? failure.reason}` }
      return everOpened ? { ready: true } : { ready: false, missing: `${options.name}: connecting` }
    },
    connections: () => ({ open: lanes.size, busy: lanes.size - idle.length, waiting: waiting.size }),
    async close(withinMs) {
      closed = true
      if (probes) clearInterval(probes)
      if (retry) clearTimeout(retry)
      for (const entry of waiting) {
        clearTimeout(entry.timer)
        entry.reject(new PostgresUnavailable('closed', 'no'))
      }
      waiting.clear()
      await drain(lanes, idle, withinMs)
    },
  }
}

/** Ends idle lanes at once and busy ones when their group is done, or when the time is up. */
async function drain(lanes: Set<Lane>, idle: readonly Lane[], withinMs: number): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(() => ([...lanes].forEach((lane) => lane.destroy()), resolve()), withinMs)
    const check = (): void => {
      for (const lane of [...idle]) lane.end()
      if (lanes.size > 0) return
      clearTimeout(timer)
      resolve()
    }
    for (const lane of lanes) lane.onClose(check)
    check()
  })
}
