import { randomBytes } from 'node:crypto'
import { durables, type Durable } from '@csr/contracts/consumers'
import { streams, type StreamDeclaration } from '@csr/contracts/streams'
import type { ConsumerInfo, JetStreamManager, StreamInfo } from '@nats-io/jetstream'
import {
  durableConfig,
  durableDifferences,
  epochKey,
  streamConfig,
  streamDifferences,
  type Difference,
} from './topology.ts'

/** One thing in which the server is not as declared. What is not `allowed` loses something; a person has to decide. */
export type Change = {
  /** `remake`: made anew, because the server cannot change it in place */
  readonly kind: 'create' | 'update' | 'remake'
  readonly stream: string
  /** null where the stream itself is meant */
  readonly durable: string | null
  readonly fields: readonly string[]
  readonly differences: readonly Difference[]
  readonly allowed: boolean
}

export type TopologyOptions = {
  readonly replicas?: number
  /** makes changes that lose something as well */
  readonly allowDestructive?: boolean
}

/** What `applyStreams` would do now, and what it would refuse. Changes nothing. */
export async function planStreams(manager: JetStreamManager, options: TopologyOptions = {}): Promise<Change[]> {
  const found = await readTopology(manager)
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
    if (!change.allowed && !options.allowDestructive) continue
    if (change.durable === null) await applyStream(manager, change, options)
    else await applyDurable(manager, change)
  }
  return changes
}

/** A declared stream and its declared durables as the server holds them; the stream was read first. */
export type Found = { readonly info: StreamInfo; readonly durables: ReadonlyMap<string, ConsumerInfo> }

/** Reads every declared stream that exists. */
export async function readTopology(manager: JetStreamManager): Promise<Map<string, Found>> {
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
  if (!found) return [creation(about)]
  const wanted = streamConfig(declared, options.replicas ?? found.config.num_replicas)
  const differing = streamDifferences(wanted, found.config)
  if (!found.config.metadata?.[epochKey])
    differing.push({ field: epochKey, wanted: 'a random mark', found: null, loses: null, remakes: false })
  return changeOf(about, differing)
}

function planDurable(durable: Durable, found: Found | undefined): Change[] {
  const about = { stream: durable.stream, durable: durable.name }
  const consumer = found?.durables.get(durable.name)
  if (!consumer) return [creation(about)]
  return changeOf(about, durableDifferences(durableConfig(durable, ''), consumer.config))
}

type About = { readonly stream: string; readonly durable: string | null }

const creation = (about: About): Change => ({ kind: 'create', ...about, fields: [], differences: [], allowed: true })

function changeOf(about: About, differences: readonly Difference[]): Change[] {
  if (differences.length === 0) return []
  const kind = differences.some(({ remakes }) => remakes) ? 'remake' : 'update'
  const fields = differences.map(({ field }) => field)
  return [{ kind, ...about, fields, differences, allowed: differences.every(({ loses }) => loses === null) }]
}

async function applyStream(manager: JetStreamManager, change: Change, options: TopologyOptions): Promise<void> {
  const declared = streams.find(({ name }) => name === change.stream)
  if (!declared) return
  const config = streamConfig(declared, options.replicas ?? 1)
  const epoch = { [epochKey]: randomBytes(16).toString('base64url') }
  if (change.kind === 'update') {
    const { metadata, num_replicas } = (await manager.streams.info(change.stream)).config
    const kept = { metadata: { ...epoch, ...metadata }, num_replicas: options.replicas ?? num_replicas }
    await manager.streams.update(change.stream, { ...config, ...kept })
    return
  }
  if (change.kind === 'remake') await manager.streams.delete(change.stream)
  await manager.streams.add({ ...config, metadata: epoch })
  // With a stream its durables go as well.
  if (change.kind === 'remake') await applyStreams(manager, options)
}

async function applyDurable(manager: JetStreamManager, change: Change): Promise<void> {
  const durable = durables.find(({ stream, name }) => stream === change.stream && name === change.durable)
  if (!durable) return
  const stream = await manager.streams.info(change.stream)
  const config = durableConfig(durable, stream.config.metadata?.[epochKey] ?? '')
  if (change.kind === 'remake') await manager.consumers.delete(change.stream, durable.name)
  if (change.kind === 'update') await manager.consumers.update(change.stream, durable.name, config)
  else await manager.consumers.add(change.stream, config)
}
