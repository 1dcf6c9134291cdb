/** Lets one loop wait for whatever comes first: a ring or the time. A ring while nobody waits is not lost. */
export interface Pulse {
  ring(): void
  /** resolves with true if it was rung */
  wait(ms: number): Promise<boolean>
}

/** Creates a pulse for exactly one waiter at a time. */
export function createPulse(): Pulse {
  let rung = false
  let release: ((rung: boolean) => void) | null = null
  return {
    ring() {
      if (release) release(true)
      else rung = true
    },
    wait(ms) {
      if (rung) {
        rung = false
        return Promise.resolve(true)
      }
      return new Promise((resolve) => {
        const timer = setTimeout(() => release?.(false), ms)
        release = (byRing) => {
          clearTimeout(timer)
          release = null
          resolve(byRing)
        }
      })
    },
  }
}

/** Delays that double from `firstMs` to `mostMs` as long as things fail. */
export function createBackoff(firstMs: number, mostMs: number): { next(): number; reset(): void } {
  let delayMs = firstMs
  return {
    next() {
      const now = delayMs
      delayMs = Math.min(delayMs * 2, mostMs)
      return now
    },
    reset: () => void (delayMs = firstMs),
  }
}
