/** Where all times come from. `CSR_CLOCK_OFFSET_SECONDS` shifts it in development, so that checks can move time. */
export interface Clock {
  /** milliseconds since the epoch */
  nowMs(): number
  /** RFC 3339, UTC, milliseconds: `2026-11-20T10:00:00.000Z` */
  now(): string
}

/** The machine's clock, shifted by `offsetSeconds`. */
export function systemClock(offsetSeconds = 0): Clock {
  const offsetMs = offsetSeconds * 1_000
  const nowMs = (): number => Date.now() + offsetMs
  return { nowMs, now: () => new Date(nowMs()).toISOString() }
}
