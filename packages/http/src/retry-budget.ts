/**
 * How many calls may be sent a second time: a share of all calls, so that an upstream in trouble never gets much more to
 * do than before. What was saved up in quiet times is limited too.
 */
export type RetryBudget = {
  /** counts a call that is sent for the first time */
  earn(): void
  /** whether one more may be repeated; counts it */
  spend(): boolean
}

/** One repetition in so many calls. */
const callsPerRetry = 10
const savedMost = 10

export function createRetryBudget(): RetryBudget {
  // counted in calls, so that no fraction is ever added up
  let saved = savedMost * callsPerRetry
  return {
    earn() {
      if (saved < savedMost * callsPerRetry) saved += 1
    },
    spend() {
      if (saved < callsPerRetry) return false
      saved -= callsPerRetry
      return true
    },
  }
}
