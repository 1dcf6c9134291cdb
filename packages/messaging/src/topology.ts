import type { Durable } from '@csr/contracts/consumers'
import { ackWaitMs, duplicateWindowMs, maxAckPending, type StreamDeclaration } from '@csr/contracts/streams'
import {
  AckPolicy,
  DeliverPolicy,
  DiscardPolicy,
  ReplayPolicy,
  RetentionPolicy,
  StorageType,
  type ConsumerConfig,
  type StreamConfig,
} from '@nats-io/jetstream'
import { nanos } from '@nats-io/transport-node'

/** Metadata key of the random mark a stream bears from its creation: another mark means another stream of the same name. */
export const epochKey = 'csr-epoch'

const dayMs = 86_400_000

/** What the server should hold for a declared stream. Nothing but age and size ever removes a message. */
export function streamConfig(declared: StreamDeclaration, replicas: number) {
  return {
    name: declared.name,
    subjects: [...declared.subjects],
    retention: RetentionPolicy.Limits,
    storage: StorageType.File,
    discard: DiscardPolicy.Old,
    max_age: nanos(declared.maxAgeDays * dayMs),
    max_bytes: declared.maxBytes,
    duplicate_window: nanos(duplicateWindowMs),
    num_replicas: replicas,
    deny_purge: true,
    deny_delete: true,
    allow_atomic: true,
  } satisfies Partial<StreamConfig>
}

/** What the server should hold for a durable: attempts are counted by us, so the server never gives up on a message. */
export function durableConfig(durable: Durable, epoch: string) {
  return {
    durable_name: durable.name,
    filter_subject: durable.filter,
    deliver_policy: DeliverPolicy.All,
    replay_policy: ReplayPolicy.Instant,
    ack_policy: AckPolicy.Explicit,
    ack_wait: nanos(ackWaitMs),
    max_ack_pending: maxAckPending,
    max_deliver: -1,
    metadata: { [epochKey]: epoch },
  } satisfies Partial<ConsumerConfig>
}

/** The differences between what is declared and what is there, and whether the server may simply be changed. */
export type Difference = { readonly field: string; readonly allowed: boolean }

type Rules<Config> = { readonly [Field in keyof Config]?: (wanted: Config[Field], found: Config[Field]) => boolean }

const grows = (wanted: number, found: number): boolean => wanted > found
const always = (): boolean => true

/** Allowed are changes that lose nothing: limits that grow, subjects that are added. */
const streamRules: Rules<ReturnType<typeof streamConfig>> = {
  subjects: (wanted, found) => found.every((subject) => wanted.includes(subject)),
  max_age: grows,
  max_bytes: grows,
  num_replicas: grows,
  duplicate_window: always,
  deny_purge: always,
  deny_delete: always,
  allow_atomic: always,
}

/** A filter is never changed in place: what lies behind the durable's position would be skipped without a word. */
const durableRules: Rules<ReturnType<typeof durableConfig>> = {
  ack_wait: always,
  max_ack_pending: always,
  max_deliver: always,
}

/** Compares field by field what is declared with what the server holds. */
export function streamDifferences(wanted: ReturnType<typeof streamConfig>, found: StreamConfig): Difference[] {
  return differences(wanted, found as unknown as typeof wanted, streamRules)
}

export function durableDifferences(wanted: ReturnType<typeof durableConfig>, found: ConsumerConfig): Difference[] {
  return differences(wanted, found as unknown as typeof wanted, durableRules)
}

/** What is set at creation only: the epoch, and where a rebuilt durable began. */
const uncompared: ReadonlySet<string> = new Set(['metadata', 'deliver_policy'])

function differences<Config extends object>(wanted: Config, found: Config, rules: Rules<Config>): Difference[] {
  return (Object.keys(wanted) as (keyof Config & string)[])
    .filter((field) => !uncompared.has(field) && JSON.stringify(wanted[field]) !== JSON.stringify(found[field] ?? null))
    .map((field) => ({ field, allowed: rules[field]?.(wanted[field], found[field]) ?? false }))
}
