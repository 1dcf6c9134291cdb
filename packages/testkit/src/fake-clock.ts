import type { Clock } from '@csr/runtime/clock'

export type FakeClock = Clock & { advanceMs(milliseconds: number): void; set(time: string): void }

/** A clock that stands still until it is moved; starts at 2026-11-20T10:00:00.000Z unless told otherwise. */
export function fakeClock(start = '2026-11-20T10:00:00.000Z'): FakeClock {
  let timeMs = parse(start)
  return {
    nowMs: () => timeMs,
    now: () => new Date(timeMs).toISOString(),
    advanceMs(milliseconds) {
      timeMs += milliseconds
    },
    set(time) {
      timeMs = parse(time)
    },
  }
}

function parse(time: string): number {
  const timeMs = Date.parse(time)
  if (Number.isNaN(timeMs)) throw new TypeError(`not a time: ${time}`)
  return timeMs
}
