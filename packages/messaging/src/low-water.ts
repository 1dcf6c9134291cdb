import { durables } from '@csr/contracts/consumers'
import type { ConsumerInfo, JetStreamManager } from '@nats-io/jetstream'
import { readTopology, type Found } from './streams.ts'
import { epochKey, lowWaterKey, lowWaterOf } from './topology.ts'

/** What all durables of a stream had acknowledged at a moment. */
type Level = { readonly atMs: number; readonly sequence: number }
type Seen = { readonly epoch: string; readonly lastSequence: number; readonly levels: readonly Level[] }

/** A mark says what was acknowledged this long ago: by then whoever looks has noticed if the stream lost something. */
export const lowWaterAgeMs = 300_000

/**
 * Records in each stream's metadata up to where all its durables have acknowledged it. The mark lives and dies with the
 * stream: one that was made anew has none, an older copy has an older one. It is the lowest level of the last `ageMs`, so
 * what was acknowledged only just now is sent again as well when a store is lost, and a durable that joins or falls back
 * lowers it at once. Writes at most five times in `ageMs`.
 */
export function createLowWaterMarks(ageMs: number): (manager: JetStreamManager) => Promise<void> {
  const streams = new Map<string, Seen>()
  let lookedMs = -Infinity
  return async (manager) => {
    const nowMs = performance.now()
    if (nowMs - lookedMs < ageMs / 5) return
    lookedMs = nowMs
    for (const [stream, found] of await readTopology(manager)) {
      const seen = look(found, streams.get(stream), nowMs)
      if (seen === null) {
        streams.delete(stream)
        continue
      }
      const { levels, mark } = lowest(seen.levels, nowMs - ageMs)
      streams.set(stream, { ...seen, levels })
      const { metadata } = found.info.config
      if (mark === null || mark === lowWaterOf(metadata)) continue
      await manager.streams.update(stream, { metadata: { ...metadata, [lowWaterKey]: String(mark) } })
    }
  }
}

/** Adds what is there now; begins anew where the stream is not the one that was seen before. */
function look({ info, durables: found }: Found, before: Seen | undefined, nowMs: number): Seen | null {
  const epoch = info.config.metadata?.[epochKey]
  const lastSequence = info.state.last_seq
  const declared = durables.filter(({ stream }) => stream === info.config.name)
  const levels = declared.map(({ name }) => levelOf(found.get(name), lastSequence))
  if (!epoch || levels.includes(null)) return null
  const sequence = Math.min(lastSequence, ...levels.map(Number))
  const same = before?.epoch === epoch && before.lastSequence <= lastSequence
  return { epoch, lastSequence, levels: [...(same ? before.levels : []), { atMs: nowMs, sequence }] }
}

/**
 * Up to where a durable needs nothing any more. Its floor stands at the last message it heard, which may be long ago: where
 * nothing waits and nothing is unacknowledged it is past everything that was there when the stream was read.
 */
function levelOf(durable: ConsumerInfo | undefined, lastSequence: number): number | null {
  if (!durable) return null
  const isDone = durable.num_pending === 0 && durable.num_ack_pending === 0
  return isDone ? lastSequence : durable.ack_floor.stream_seq
}

/** The lowest level since `sinceMs`, null while that is not known, and the levels that are still needed. */
function lowest(all: readonly Level[], sinceMs: number): { mark: number | null; levels: readonly Level[] } {
  const first = all.findLastIndex(({ atMs }) => atMs <= sinceMs)
  const levels = all.slice(Math.max(0, first))
  return { mark: first === -1 ? null : Math.min(...levels.map(({ sequence }) => sequence)), levels }
}
