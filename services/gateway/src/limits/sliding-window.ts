/** What counting found: `room` is what is left after it; negative where there was none, and then nothing was counted. */
export type Count = {
  readonly count: number
  readonly room: number
  /** until room comes back; until the window is empty where nothing was refused */
  readonly resetMs: number
}

/** A window is cut into this many slices; what is counted is forgotten a slice at a time, never too early. */
const slices = 20
/** Whom there is no place for is counted together with all others of the kind: memory is bounded, and nobody is exempt. */
const overflowKey = '*'

type Counts = { lastSlice: number; readonly ring: Uint32Array }

/**
 * Counts per key in a window that slides: all slices that touch the last `windowMs` count whole, so no window of that
 * length, wherever it begins, holds more than the limit.
 */
export class SlidingWindow {
  readonly #sliceMs: number
  readonly #keysMax: number
  readonly #keys = new Map<string, Counts>()
  #sweptSlice = 0

  constructor(windowMs: number, keysMax = 50_000) {
    this.#sliceMs = windowMs / slices
    this.#keysMax = keysMax
  }

  /** Counts one more for `key` unless `limit` is reached. */
  take(key: string, limit: number, nowMs: number): Count {
    const slice = Math.floor(nowMs / this.#sliceMs)
    this.#sweep(slice)
    const found = this.look(key, limit, nowMs)
    if (found.room < 0) return found
    const counts = this.#of(key, slice)
    const at = counts.lastSlice % (slices + 1)
    counts.ring[at] = (counts.ring[at] ?? 0) + 1
    const count = found.count + 1
    return { count, room: limit - count, resetMs: this.#untilRoom(counts, count, nowMs) }
  }

  /** The same without counting. */
  look(key: string, limit: number, nowMs: number): Count {
    const counts = this.#of(key, Math.floor(nowMs / this.#sliceMs))
    const count = counts.ring.reduce((sum, counted) => sum + counted, 0)
    if (count >= limit) return { count, room: -1, resetMs: this.#untilRoom(counts, count - limit + 1, nowMs) }
    return { count, room: limit - count, resetMs: this.#untilRoom(counts, count, nowMs) }
  }

  /** Takes back one that was counted just now. */
  giveBack(key: string, nowMs: number): void {
    const slice = Math.floor(nowMs / this.#sliceMs)
    const counts = this.#of(key, slice)
    for (let back = 0; back <= slices; back += 1) {
      const at = (counts.lastSlice - back) % (slices + 1)
      const count = counts.ring[at] ?? 0
      if (count === 0) continue
      counts.ring[at] = count - 1
      return
    }
  }

  #of(key: string, slice: number): Counts {
    const known = this.#keys.get(key)
    if (known) return forward(known, slice)
    if (this.#keys.size >= this.#keysMax && key !== overflowKey) return this.#of(overflowKey, slice)
    const counts = { lastSlice: slice, ring: new Uint32Array(slices + 1) }
    this.#keys.set(key, counts)
    return counts
  }

  /** Milliseconds until `wanted` of what is counted has left the window. */
  #untilRoom({ ring, lastSlice }: Counts, wanted: number, nowMs: number): number {
    let left = 0
    for (let back = slices; back >= 0; back -= 1) {
      left += ring[(lastSlice - back) % (slices + 1)] ?? 0
      if (left >= wanted) return (lastSlice - back + slices + 1) * this.#sliceMs - nowMs
    }
    return 0
  }

  #sweep(slice: number): void {
    if (slice - this.#sweptSlice <= slices) return
    this.#sweptSlice = slice
    for (const [key, { lastSlice }] of this.#keys) if (slice - lastSlice > slices) this.#keys.delete(key)
  }
}

/** Forgets the slices that have left the window. A clock that was set back counts on where it was. */
function forward(counts: Counts, slice: number): Counts {
  const passed = Math.min(slice - counts.lastSlice, slices + 1)
  for (let step = 1; step <= passed; step += 1) counts.ring[(counts.lastSlice + step) % (slices + 1)] = 0
  if (passed > 0) counts.lastSlice = slice
  return counts
}
