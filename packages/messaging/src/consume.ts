import { consumerName, consumptions, durablesOf } from '@csr/contracts/consumers'
import { catalog } from '@csr/contracts/events/catalog'
import type { Service } from '@csr/contracts/services'
import type { Postgres } from '@csr/postgres/connect'
import type { Clock } from '@csr/runtime/clock'
import type { Ids } from '@csr/runtime/ids'
import type { Readiness, Resource } from '@csr/runtime/lifecycle'
import type { Logger } from '@csr/runtime/logger'
import type { Telemetry } from '@csr/runtime/telemetry'
import { createGate } from './alone.ts'
import type { Nats } from './connect.ts'
import { Consumer } from './consumer.ts'
import type { Handler } from './handler.ts'
import { jobOfParked } from './job.ts'
import { parkedOf, parkedRowsMax, type ParkedRow } from './parked.ts'
import { patienceDefault, type Patience } from './patience.ts'
import type { Relay } from './relay.ts'
import { replayRequests } from './replay.ts'
import { consumerTelemetry } from './telemetry.ts'
import type { Vault } from './vault.ts'
import { startWatchdog } from './watchdog.ts'

export { answer, on, onAnyEvent, unhurried, type Handler, type Writes } from './handler.ts'
export { RetryLater, Unprocessable } from './outcomes.ts'

export type ConsumeOptions = {
  readonly service: Service
  readonly postgres: Postgres
  readonly nats: Nats
  readonly relay: Relay
  readonly logger: Logger
  readonly telemetry: Telemetry
  readonly clock: Clock
  readonly ids: Ids
  readonly handlers: readonly Handler[]
  /** how long after the first, second, … failed attempt a message comes again; one more failure makes it a dead letter */
  readonly redeliveryDelaysMs?: readonly number[]
  /** how long others wait for work in front of them */
  readonly patience?: Partial<Patience>
  /** seals what could not be read; without one such bytes are not kept */
  readonly vault?: Vault
}

/** The running consumers of a service. */
export interface Consumers extends Resource {
  /** has a parked event tried now; false where none of the consumers is meant */
  tryParked(consumer: string, row: ParkedRow): boolean
}

const delaysMsDefault: readonly number[] = [1_000, 5_000, 15_000, 60_000]
/** Who asks for a replay waits for the answer: one try. */
const delaysMsOfReplay: readonly number[] = []
const lookAtParkedEveryMs = 60_000
const lookAgainMs = 2_000

/**
 * Runs the consumers of a service, one per handler, until disposed, and one that hears requests for replay. The handlers
 * must be those the table of consumptions names for the service: TypeError otherwise, for an event nobody pulls would pile
 * up unseen.
 */
export function runConsumers(options: ConsumeOptions): Consumers {
  refuseMismatch(options)
  const consumers: Open[] = []
  let watchdog: AsyncDisposable | undefined

  return {
    name: 'consumers',
    async start() {
      watchdog = startWatchdog()
      const gate = createGate()
      for (const handler of options.handlers) consumers.push(open(options, handler, gate))
      consumers.push(open({ ...options, redeliveryDelaysMs: delaysMsOfReplay }, replayRequests(options), gate))
    },
    tryParked(consumer, row) {
      const meant = consumers.find(({ name }) => name === consumer)
      meant?.take([row])
      return meant !== undefined
    },
    readiness() {
      const readiness = consumers.map(({ consumer }) => consumer.readiness).find(({ ready }) => !ready)
      return readiness ?? ({ ready: true } satisfies Readiness)
    },
    async [Symbol.asyncDispose]() {
      const running = consumers.splice(0)
      await Promise.all(running.map(({ parked }) => parked[Symbol.asyncDispose]()))
      await Promise.all(running.map(({ consumer }) => consumer.stop()))
      await watchdog?.[Symbol.asyncDispose]()
    },
  }
}

type Open = {
  readonly name: string
  readonly consumer: Consumer
  readonly parked: AsyncDisposable
  readonly take: (rows: readonly ParkedRow[]) => void
}

function open(options: ConsumeOptions, handler: Handler, gate: ReturnType<typeof createGate>): Open {
  const { service, nats, relay, telemetry } = options
  const patience = { ...patienceDefault, ...options.patience }
  const name = consumerName(service, handler.event)
  const delaysMs = options.redeliveryDelaysMs ?? delaysMsDefault
  let release: (keys: readonly string[]) => void = () => undefined
  const consumer = new Consumer({
    ports: { ...options, wake: () => relay.wake(), release: (keys) => release(keys), delaysMs, patience },
    nats,
    handler,
    name,
    durables: durablesOf(service).filter(({ event }) => event === handler.event),
    gate,
    measured: consumerTelemetry(telemetry)(name),
  })
  const parked = lookAfterParked(options, name, consumer)
  release = (keys) => parked.release(keys)
  return { name, consumer, parked, take: (rows) => parked.take(rows) }
}

/** Brings back what is parked: at the start, every minute, and as soon as what it waits for is there. */
function lookAfterParked(options: ConsumeOptions, name: string, consumer: Consumer) {
  const { service, postgres, clock, logger } = options
  const table = parkedOf(service)
  let timer: NodeJS.Timeout | undefined
  let stopped = false
  /** at the start all of them are tried, afterwards those not tried for a while */
  let untriedMs = 0

  function take(rows: readonly ParkedRow[]): void {
    consumer.takeParked(rows.map((row) => jobOfParked(row, consumer.reader, clock.nowMs())))
  }

  async function look(): Promise<void> {
    let nextMs = lookAtParkedEveryMs
    try {
      const before = new Date(clock.nowMs() - untriedMs).toISOString()
      const [rows] = await postgres.worker([table.due(name, Object.keys(catalog), { before, at: clock.now() })])
      take(rows)
      if (rows.length === parkedRowsMax) nextMs = lookAgainMs
      else untriedMs = lookAtParkedEveryMs / 2
    } catch (error) {
      logger.error('parked-not-read', error, { consumer: name })
      nextMs = lookAgainMs
    }
    if (!stopped) timer = setTimeout(() => void look(), nextMs)
  }

  void look()
  return {
    take,
    release(keys: readonly string[]) {
      const waiting = table.waitingFor(name, keys, clock.now())
      postgres.worker([waiting]).then(
        ([rows]) => take(rows),
        (error: unknown) => logger.error('parked-not-read', error, { consumer: name }),
      )
    },
    async [Symbol.asyncDispose]() {
      stopped = true
      clearTimeout(timer)
    },
  }
}

function refuseMismatch({ service, handlers }: ConsumeOptions): void {
  const given = handlers.map(({ event }) => event).toSorted()
  const declared = [...consumptions[service]].toSorted()
  if (given.join(' ') === declared.join(' ')) return
  throw new TypeError(`${service} handles [${given.join(', ')}], but is declared to consume [${declared.join(', ')}]`)
}
