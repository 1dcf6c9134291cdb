/** How far the replays of entries that failed alike are. */
type Progress = {
  readonly waiting: number
  readonly running: number
  readonly effective: number
  readonly failed: number
}

export type Next =
  | { readonly do: 'send'; readonly count: number }
  /** the rest would fail alike */
  | { readonly do: 'skip' }
  | { readonly do: 'wait' }

/** Replays under way at any time, per group. */
const runningMax = 50

/**
 * What to do next about one group: one entry first; the others once that one is effective; and no more as soon as one of
 * them fails.
 */
export function nextOf({ waiting, running, effective, failed }: Progress): Next {
  if (waiting === 0) return { do: 'wait' }
  if (failed > 0) return { do: 'skip' }
  const most = effective > 0 ? runningMax : 1
  const count = Math.min(waiting, most - running)
  return count > 0 ? { do: 'send', count } : { do: 'wait' }
}
