import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { durables, type Durable } from '@csr/contracts/consumers'
import { streams, type StreamDeclaration } from '@csr/contracts/streams'
import type { Readiness, Resource } from '@csr/runtime/lifecycle'
import type { Logger } from '@csr/runtime/logger'
import { jetstreamManager, type ConsumerInfo, type JetStreamManager, type StreamInfo } from '@nats-io/jetstream'
import { connectNats } from './connect.ts'
import { createRebuilder } from './stranded.ts'
import { durableConfig, durableDifferences, epochKey, streamConfig, streamDifferences } from './topology.ts'

/** One thing in which the server is not as declared. What is not `allowed` would lose messages; a person has to decide. */
export type Change = {
  readonly kind: 'create' | 'update'
  readonly stream: string
  /** null where the stream itself is meant */
  readonly durable: string | null
  readonly fields: readonly string[]
  readonly allowed: boolean
}

export type TopologyOptions = { readonly replicas?: number }

/** What `applyStreams` would do now, and what it would refuse. Changes nothing. */
export async function planStreams(manager: JetStreamManager, options: TopologyOptions = {}): Promise<Change[]> {
  const found = await read(manager)
  return streams.flatMap((declared) => [
    ...planStream(declared, found.get(declared.name)?.info, options),
    ...durables
      .filter(({ stream }) => stream === declared.name)
      .flatMap((durable) => planDurable(durable, found.get(declared.name))),
  ])
}

/** Makes the server as declared, as far as nothing is lost by it; returns what was planned. Streams get their epoch here. */
export async function applyStreams(manager: JetStreamManager, options: TopologyOptions = {}): Promise<Change[]> {
  const changes = await planStreams(manager, options)
  for (const change of changes) {
    if (!change.allowed) continue
    if (change.durable === null) await applyStream(manager, change, options)
    else await applyDurable(manager, change)
  }
  return changes
}

/** State of one stream and its durables, for `csr streams status`. */
export type StreamStatus = {
  readonly stream: string
  readonly epoch: string | null
  readonly messages: number
  readonly bytes: number
  readonly firstSequence: number
  readonly lastSequence: number
  readonly durables: readonly { name: string; ackFloor: number; unacknowledged: number; waiting: number }[]
}

/** Reads the state of every declared stream that exists. */
export async function statusStreams(manager: JetStreamManager): Promise<StreamStatus[]> {
  const found = await read(manager)
  return [...found].map(([stream, { info, durables: consumers }]) => ({
    stream,
    epoch: info.config.metadata?.[epochKey] ?? null,
    messages: info.state.messages,
    bytes: info.state.bytes,
    firstSequence: info.state.first_seq,
    lastSequence: info.state.last_seq,
    durables: [...consumers.values()].map((consumer) => ({
      name: consumer.name,
      ackFloor: consumer.ack_floor.stream_seq,
      unacknowledged: consumer.num_ack_pending,
      waiting: consumer.num_pending,
    })),
  }))
}

const keepEveryMs = 10_000
const keepAgainMs = 1_000

export type KeeperOptions = {
  readonly natsUrl: string
  readonly adminCredentialsFile: string
  readonly logger: Logger
  readonly replicas?: number
}

/** The keeper: makes and keeps the streams as declared, every 10 s. The only holder of stream administration. */
export function keepStreams(options: KeeperOptions): Resource {
  const { logger } = options
  const nats = connectNats({
    name: 'admin',
    url: options.natsUrl,
    credentialsFile: options.adminCredentialsFile,
    logger,
  })
  const stopping = new AbortController()
  let running: Promise<void> | undefined
  let complete = false

  async function keep(): Promise<void> {
    const rebuild = createRebuilder(logger)
    let reported = ''
    while (!stopping.signal.aborted) {
      const connection = nats.connection()
      try {
        if (connection) {
          const manager = await jetstreamManager(connection, { checkAPI: false })
          const changes = await applyStreams(manager, options)
          complete = changes.every(({ allowed }) => allowed)
          reported = report(logger, changes, reported)
          await rebuild(manager)
        }
      } catch (error) {
        complete = false
        logger.error('streams-not-kept', error)
      }
      const waitMs = complete ? keepEveryMs : keepAgainMs
      await sleep(waitMs, undefined, { signal: stopping.signal }).catch(() => undefined)
    }
  }

  return {
    name: 'keeper',
    async start() {
      await nats.start?.()
      running = keep()
    },
    readiness(): Readiness {
      const connected = nats.readiness?.() ?? { ready: true }
      if (!connected.ready) return connected
      return complete ? { ready: true } : { ready: false, missing: 'streams' }
    },
    async [Symbol.asyncDispose]() {
      stopping.abort()
      await running
      await nats[Symbol.asyncDispose]()
    },
  }
}

/** Tells each difference once, until it changes. */
function report(logger: Logger, changes: readonly Change[], reported: string): string {
  const seen = JSON.stringify(changes)
  if (seen === reported) return seen
  for (const { kind, stream, durable, fields, allowed } of changes) {
    const facts = { change: kind, stream, durable, field: fields.join(','), outcome: allowed ? 'applied' : 'refused' }
    if (allowed) logger.info('streams-changed', facts)
    else logger.warn('streams-differ', facts)
  }
  return seen
}

type Found = { readonly info: StreamInfo; readonly durables: ReadonlyMap<string, ConsumerInfo> }

async function read(manager: JetStreamManager): Promise<Map<string, Found>> {
  const declared = new Set(streams.map(({ name }) => name))
  const found = new Map<string, Found>()
  for await (const info of manager.streams.list()) {
    if (!declared.has(info.config.name)) continue
    const consumers = new Map<string, ConsumerInfo>()
    for await (const consumer of manager.consumers.list(info.config.name)) consumers.set(consumer.name, consumer)
    found.set(info.config.name, { info, durables: consumers })
  }
  return found
}

function planStream(declared: StreamDeclaration, found: StreamInfo | undefined, options: TopologyOptions): Change[] {
  const about = { stream: declared.name, durable: null }
  if (!found) return [{ kind: 'create', ...about, fields: [], allowed: true }]
  const differing = streamDifferences(streamConfig(declared, options.replicas ?? 1), found.config)
  if (!found.config.metadata?.[epochKey]) differing.push({ field: epochKey, allowed: true })
  return changeOf(about, differing)
}

function planDurable(durable: Durable, found: Found | undefined): Change[] {
  const about = { stream: durable.stream, durable: durable.name }
  const consumer = found?.durables.get(durable.name)
  if (!consumer) return [{ kind: 'create', ...about, fields: [], allowed: true }]
  return changeOf(about, durableDifferences(durableConfig(durable, ''), consumer.config))
}

function changeOf(
  about: { stream: string; durable: string | null },
  differing: readonly { field: string; allowed: boolean }[],
): Change[] {
  if (differing.length === 0) return []
  const fields = differing.map(({ field }) => field)
  return [{ kind: 'update', ...about, fields, allowed: differing.every(({ allowed }) => allowed) }]
}

async function applyStream(manager: JetStreamManager, change: Change, options: TopologyOptions): Promise<void> {
  const declared = streams.find(({ name }) => name === change.stream)
  if (!declared) return
  const config = streamConfig(declared, options.replicas ?? 1)
  const epoch = { [epochKey]: randomBytes(16).toString('base64url') }
  if (change.kind === 'create') {
    await manager.streams.add({ ...config, metadata: epoch })
    return
  }
  const metadata = (await manager.streams.info(change.stream)).config.metadata
  await manager.streams.update(change.stream, { ...config, metadata: { ...epoch, ...metadata } })
}

async function applyDurable(manager: JetStreamManager, change: Change): Promise<void> {
  const durable = durables.find(({ stream, name }) => stream === change.stream && name === change.durable)
  if (!durable) return
  const stream = await manager.streams.info(change.stream)
  const config = durableConfig(durable, stream.config.metadata?.[epochKey] ?? '')
  if (change.kind === 'create') await manager.consumers.add(change.stream, config)
  else await manager.consumers.update(change.stream, durable.name, config)
}
