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

/** Metadata key of the low-water mark: all durables of the stream have acknowledged everything up to this sequence. */
export const lowWaterKey = 'csr-low-water'

/** The low-water mark of a stream, or null while there is none. */
export function lowWaterOf(metadata: Readonly<Record<string, string>> | undefined): number | null {
  const mark = Number(metadata?.[lowWaterKey] ?? NaN)
  return Number.isSafeInteger(mark) ? mark : null
}

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

/** One field in which the server differs from what is declared. */
export type Difference = {
  readonly field: string
  readonly wanted: unknown
  readonly found: unknown
  /** what is lost by the change; null where nothing is */
  readonly loses: string | null
  /** the server cannot change it in place */
  readonly remakes: boolean
}

type Rule<Value> = {
  readonly isHarmless?: (wanted: Value, found: Value) => boolean
  readonly loses: string
  readonly remakes?: true
}
type Rules<Config> = { readonly [Field in keyof Config]?: Rule<Config[Field]> }

const grows = (wanted: number, found: number): boolean => wanted > found
const harmless = { isHarmless: (): boolean => true, loses: '' }
const remadeStream = { loses: 'all its messages, but for what its publishers send again', remakes: true } as const
/** A filter is never changed in place: what lies behind the durable's position would be skipped without a word. */
const remadeDurable = { loses: 'its position: it reads the stream from its beginning', remakes: true } as const

const streamRules: Rules<ReturnType<typeof streamConfig>> = {
  subjects: {
    isHarmless: (wanted, found) => found.every((subject) => wanted.includes(subject)),
    loses: 'what is published under the topics that go',
  },
  retention: remadeStream,
  storage: remadeStream,
  discard: harmless,
  max_age: { isHarmless: grows, loses: 'messages older than that' },
  max_bytes: { isHarmless: grows, loses: 'the oldest messages beyond that size' },
  num_replicas: { isHarmless: grows, loses: 'copies on other servers' },
  duplicate_window: harmless,
  deny_purge: harmless,
  deny_delete: harmless,
  allow_atomic: harmless,
}

const durableRules: Rules<ReturnType<typeof durableConfig>> = {
  filter_subject: remadeDurable,
  replay_policy: remadeDurable,
  ack_policy: remadeDurable,
  ack_wait: harmless,
  max_ack_pending: harmless,
  max_deliver: harmless,
}

/** Compares field by field what is declared with what the server holds. */
export function streamDifferences(wanted: ReturnType<typeof streamConfig>, found: StreamConfig): Difference[] {
  return differences(wanted, found as unknown as typeof wanted, streamRules)
}

export function durableDifferences(wanted: ReturnType<typeof durableConfig>, found: ConsumerConfig): Difference[] {
  return differences(wanted, found as unknown as typeof wanted, durableRules)
}

/** What is set at creation only, and what the keeper says of a stream. */
const uncompared: ReadonlySet<string> = new Set(['metadata', 'deliver_policy'])

function differences<Config extends object>(wanted: Config, found: Config, rules: Rules<Config>): Difference[] {
  return (Object.keys(wanted) as (keyof Config & string)[])
    .filter((field) => !uncompared.has(field) && JSON.stringify(wanted[field]) !== JSON.stringify(found[field] ?? null))
    .map((field) => {
      const rule: Rule<Config[typeof field]> = rules[field] ?? remadeStream
      const isHarmless = rule.isHarmless?.(wanted[field], found[field]) ?? false
      return {
        field,
        wanted: wanted[field],
        found: found[field] ?? null,
        loses: isHarmless ? null : rule.loses,
        remakes: rule.remakes ?? false,
      }
    })
}
