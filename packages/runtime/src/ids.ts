import { randomBytes } from 'node:crypto'
import type { Clock } from './clock.ts'

/** Ids of rows and events (UUIDv7) and secrets that grant access (random bits only). */
export interface Ids {
  /** UUIDv7 by the clock (RFC 9562, 5.7); within one process ids only grow */
  uuid(): string
  /** `bytes` random bytes (32 by default) as base64url */
  secret(bytes?: number): string
}

const poolBytes = 4_096
const sequenceMax = 0xfff

/** Creates ids from the given clock; the 12 bits behind the time count ids of one millisecond, the rest is random. */
export function createIds(clock: Clock): Ids {
  let pool = randomBytes(poolBytes)
  let used = 0
  let lastMs = 0
  let sequence = 0

  function random(bytes: number): Buffer {
    if (used + bytes > pool.length) {
      pool = randomBytes(poolBytes)
      used = 0
    }
    used += bytes
    return pool.subarray(used - bytes, used)
  }

  function next(): { timeMs: number; sequence: number } {
    const nowMs = clock.nowMs()
    if (nowMs > lastMs) {
      lastMs = nowMs
      sequence = random(1)[0] ?? 0
    } else if (sequence < sequenceMax) {
      sequence += 1
    } else {
      lastMs += 1
      sequence = 0
    }
    return { timeMs: lastMs, sequence }
  }

  return {
    uuid() {
      const { timeMs, sequence: count } = next()
      const tail = random(8)
      const variant = ((tail[0] ?? 0) & 0x3f) | 0x80
      const hex = tail.toString('hex')
      return `${timeHex(timeMs)}-7${count.toString(16).padStart(3, '0')}-${variant.toString(16)}${hex.slice(2, 4)}-${hex.slice(4)}`
    },
    secret: (bytes = 32) => randomBytes(bytes).toString('base64url'),
  }
}

/** The milliseconds since the epoch that a UUIDv7 carries. */
export function uuidTimeMs(uuid: string): number {
  return Number.parseInt(uuid.slice(0, 8) + uuid.slice(9, 13), 16)
}

/** The smallest UUIDv7 of a millisecond: the lower bound of a range scan or a partition. */
export function uuidFloor(timeMs: number): string {
  return `${timeHex(timeMs)}-7000-8000-000000000000`
}

function timeHex(timeMs: number): string {
  const hex = timeMs.toString(16).padStart(12, '0')
  return `${hex.slice(0, 8)}-${hex.slice(8)}`
}
