import { setTimeout as delay } from 'node:timers/promises'

/**
 * Asks again and again until `check` does not throw, and returns what it returned. After `withinMs` (20 s) the last
 * error is thrown, with `what` before its message.
 */
export async function eventually<T>(
  check: () => Promise<T> | T,
  options: { withinMs?: number; what?: string } = {},
): Promise<T> {
  const { withinMs = 20_000, what } = options
  const endsAt = performance.now() + withinMs
  for (let pauseMs = 5; ; pauseMs = Math.min(pauseMs * 1.5, 100)) {
    try {
      return await check()
    } catch (error) {
      if (performance.now() >= endsAt) throw describe(error, withinMs, what)
    }
    await delay(pauseMs)
  }
}

function describe(error: unknown, withinMs: number, what = 'the condition'): Error {
  const reason = error instanceof Error ? error.message : String(error)
  return new Error(`${what} did not hold within ${withinMs} ms: ${reason}`, { cause: error })
}
