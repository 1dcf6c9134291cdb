import { setTimeout as sleep } from 'node:timers/promises'
import type { Service } from '@csr/contracts/services'
import type { Postgres } from '@csr/postgres/connect'
import type { Clock } from '@csr/runtime/clock'
import type { Readiness, Resource } from '@csr/runtime/lifecycle'
import type { Logger } from '@csr/runtime/logger'
import type { Telemetry } from '@csr/runtime/telemetry'
import type { Nats } from './connect.ts'
import { readEpochs, type Epochs } from './epochs.ts'
import { createOutboxRows, type OutboxRows } from './outbox-rows.ts'
import { PublishWindow } from './publish-window.ts'
import { createBackoff, createPulse } from './pulse.ts'
import { createReconciler, type Reconciler } from './reconcile.ts'
import { createRush, type Rush } from './rush.ts'
import { relayTelemetry } from './telemetry.ts'

/** Carries the outbox of a service to its streams. */
export interface Relay extends Resource {
  /** to be called after a commit that wrote events; without it they leave within a second */
  wake(): void
  /** to be called while many wait for an answer of this service: events of the bulk lane stay until the rush is over */
  yieldToAnswers(): void
  /** to be called when rows became unsent again that were sent before */
  startOver(): void
}

type Options = {
  readonly service: Service
  readonly postgres: Postgres
  readonly nats: Nats
  readonly logger: Logger
  readonly telemetry: Telemetry
  readonly clock: Clock
}

/** Publishes on their way at any time. */
const openMax = 256
/** Even with live events all the time a little of the bulk lane moves. */
const bulkLeast = 8
/** Turns are at least this far apart, so that accepts have the database to themselves in between and turns carry more. */
const turnEveryMs = 15
/** Under a steady stream of events turns are rarer still: a batch costs the server's disk the same whatever its size. */
const steadyTurnEveryMs = 40
const steadyLeast = 3
/**
 * Where turns take long there is too much to do, and live events yield to answers: the rest grows with the square of what
 * a turn takes beyond 25 ms (30 ms: 12 ms, 35 ms: 50 ms), 60 ms at most: somebody waits for them. What waits meanwhile goes in
 * larger batches, which cost less. What an import sends is nobody's answer: its turns do not rest.
 */
const restOf = (turnMs: number): number => Math.min(60, Math.max(0, turnMs - 25) ** 2 / 2)
const idleFirstMs = 250
const idleMostMs = 1_000
const checkEveryMs = 10_000
const keepPartitionsEveryMs = 3_600_000

/**
 * Publishes what stands in `<service>.outbox`, oldest first, and marks it with (epoch, sequence). One relay per service is
 * active (a session advisory lock), others stand by. While the servers or the database are away the outbox grows and
 * nothing is lost; order between events is not promised.
 */
export function relayOutbox(options: Options): Relay {
  const { service, postgres, logger } = options
  const pulse = createPulse()
  const rush = createRush()
  const stopping = new AbortController()
  let missing: string | null = null
  let again = false
  let running: Promise<void> | undefined

  function takeAgain(): boolean {
    const taken = again
    again = false
    return taken
  }

  async function stand(): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        await using lock = await postgres.hold(`${service}:relay`, stopping.signal)
        const until = AbortSignal.any([lock.lost, stopping.signal])
        until.addEventListener('abort', () => pulse.ring())
        await lead(options, { until, pulse, rush, takeAgain, report: (what) => (missing = what) })
      } catch (error) {
        if (stopping.signal.aborted) return
        logger.error('relay-failed', error)
        await sleep(idleMostMs, undefined, { signal: stopping.signal }).catch(() => undefined)
      }
    }
  }

  return {
    name: 'relay',
    wake: () => pulse.ring(),
    yieldToAnswers: () => rush.notice(performance.now()),
    startOver() {
      again = true
      pulse.ring()
    },
    async start() {
      running = stand()
    },
    readiness: (): Readiness => (missing === null ? { ready: true } : { ready: false, missing }),
    async [Symbol.asyncDispose]() {
      stopping.abort()
      await running
    },
  }
}

type Leadership = {
  readonly until: AbortSignal
  readonly pulse: ReturnType<typeof createPulse>
  readonly rush: Rush
  /** true once after rows became unsent again */
  readonly takeAgain: () => boolean
  readonly report: (missing: string | null) => void
}

/** The active relay, until the lock is lost or the service stops. */
async function lead(options: Options, leadership: Leadership): Promise<void> {
  const { nats, telemetry } = options
  const rows = createOutboxRows(options.service, options.postgres, () => options.clock.nowMs())
  const reconciler = createReconciler(options)
  const measured = relayTelemetry(telemetry)
  using epochs = readEpochs(options.service, nats, async (found) => {
    const loss = await reconciler.compare(found, window.unmarkedIn(found.stream))
    if (loss === null) return true
    if (loss === 'unsure') return false
    rows.startOver()
    window.startOver()
    measured.lost(loss)
    return true
  })
  const suspect = (stream: string): void => {
    reconciler.suspect(stream)
    epochs.forget(stream)
  }
  using window = new PublishWindow(nats, epochs, {
    progress: (before, open) => (isWorthATurn(before, open) ? leadership.pulse.ring() : undefined),
    replaced: suspect,
  })
  options.logger.info('relay-leads', { name: options.service })
  await goOn({ ...options, rows, reconciler, suspect, epochs, window, due: createDue(), measured }, leadership)
  leadership.report(null)
}

/** Turn after turn; one that fails is repeated later and later. */
async function goOn(active: Active, { until, pulse, rush, takeAgain, report }: Leadership): Promise<void> {
  const { rows, epochs, logger } = active
  const turn = createTurn(active, rush)
  const backoff = createBackoff(200, 5_000)
  const idle = createBackoff(idleFirstMs, idleMostMs)

  while (!until.aborted) {
    const startMs = performance.now()
    try {
      await keepHouse(active)
      const unreadable = await epochs.read()
      if (unreadable !== null) {
        report(unreadable === 'nats' ? 'nats' : `stream ${unreadable}`)
        await pulse.wait(idleFirstMs)
        continue
      }
      if (takeAgain()) rows.startOver()
      const { moved, isLive } = await turn()
      if (moved > 0) idle.reset()
      report(null)
      backoff.reset()
      const restMs = isLive ? restOf(performance.now() - startMs) : 0
      await pulse.wait(idle.next())
      const everyMs = Math.max(moved >= steadyLeast ? steadyTurnEveryMs : turnEveryMs, restMs)
      await sleep(Math.max(0, everyMs - (performance.now() - startMs)))
    } catch (error) {
      const delayMs = backoff.next()
      logger.error('relay-turn-failed', error, { delayMs })
      if (error instanceof PublishFailed) report('relay')
      active.measured.failed()
      await sleep(delayMs, undefined, { signal: until }).catch(() => undefined)
    }
  }
}

type Active = Options & {
  readonly rows: OutboxRows
  readonly reconciler: Reconciler
  readonly suspect: (stream: string) => void
  readonly epochs: Epochs
  readonly window: PublishWindow
  readonly due: ReturnType<typeof createDue>
  readonly measured: ReturnType<typeof relayTelemetry>
}

/** One turn: mark what was stored, read what is unsent and publish it, live before bulk; returns how much it moved, and what. */
function createTurn(active: Active, rush: Rush): () => Promise<{ moved: number; isLive: boolean }> {
  const { rows, reconciler, suspect, window, measured } = active
  let liveBefore = 0
  return async () => {
    const stored = window.takeStored()
    const room = openMax - window.open
    const bulk = rush.isOn(performance.now()) ? 0 : Math.max(bulkLeast, room - liveBefore)
    const wanted = { live: room, bulk, known: window.ids() }
    const turned = reconciler.strangers(stored).then((strangers) => {
      strangers.forEach(suspect)
      return rows.turn(stored, wanted, [reconciler.note(stored)])
    })
    const unsent = await turned.catch((error: unknown) => {
      window.giveBack(stored)
      throw error
    })
    window.forget(stored)
    measured.relayed(stored.length)
    liveBefore = unsent.live.length
    window.publish([...unsent.live, ...unsent.bulk.slice(0, Math.max(bulkLeast, room - unsent.live.length))])
    const failure = window.takeFailure()
    if (failure !== null) throw new PublishFailed(failure)
    const moved = Math.max(stored.length, unsent.live.length + unsent.bulk.length)
    return { moved, isLive: unsent.bulk.length === 0 }
  }
}

/** What is done now and then; that it fails stops no event. */
async function keepHouse({ rows, epochs, due, clock, logger, measured }: Active): Promise<void> {
  try {
    if (due('partitions', keepPartitionsEveryMs)) await rows.keepPartitions(clock.now())
    if (!due('check', checkEveryMs)) return
    const { count, oldestMs } = await rows.backlog()
    measured.backlog(count, oldestMs === null ? 0 : clock.nowMs() - oldestMs)
    await epochs.read({ anew: true })
  } catch (error) {
    logger.error('relay-housekeeping-failed', error)
  }
}

/** A publish was not acknowledged; the row is unsent and goes out again. */
class PublishFailed extends Error {
  override readonly name = 'PublishFailed'
  readonly code: string
  constructor(code: string) {
    super(`A publish failed: ${code}`)
    this.code = code
  }
}

/** The next turn pays off once half the window is free, or all that was sent is stored. */
function isWorthATurn(before: number, open: number): boolean {
  return open === 0 || (before > openMax / 2 && open <= openMax / 2)
}

/** True the first time and then whenever the period has passed. */
function createDue(): (what: string, everyMs: number) => boolean {
  const lastMs = new Map<string, number>()
  return (what, everyMs) => {
    const nowMs = performance.now()
    if (nowMs - (lastMs.get(what) ?? -Infinity) < everyMs) return false
    lastMs.set(what, nowMs)
    return true
  }
}
