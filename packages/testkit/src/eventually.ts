import { setTimeout as delay } from 'node:timers/promises'

/** Polls until the check does not throw and returns what it gave; after `withinMs` (10 s) its last error is thrown. */
export async function eventually<T>(
  check: () => Promise<T> | T,
  options: { withinMs?: number; what?: string } = {},
): Promise<T> {
  const endsAt = Date.now() + (options.withinMs ?? 10_000)
  for (;;) {
    try {
      return await check()
    } catch (error) {
      if (Date.now() < endsAt) await delay(20)
      else if (options.what === undefined) throw error
      else throw new Error(`${options.what} did not come true in time`, { cause: error })
    }
  }
}
