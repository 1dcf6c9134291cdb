import { setTimeout as delay } from 'node:timers/promises'
import { GatewayRefusal } from './gateway-client.ts'

/** Longest time a partner goes on trying before it gives up on one request. */
const persistForMs = 60_000
const firstPauseMs = 200
const longestPauseMs = 5_000

/** Whether the same request may be answered otherwise later: nothing came back, too many, or something is down. */
export function isPassing(error: unknown): error is GatewayRefusal {
  return error instanceof GatewayRefusal && (error.status === 0 || error.status === 429 || error.status >= 500)
}

/** Makes an attempt again and again while what it meets may pass; pauses grow, and are never shorter than asked for. */
export async function persist<Result>(attempt: () => Promise<Result>, signal: AbortSignal): Promise<Result> {
  const endsAtMs = performance.now() + persistForMs
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
    signal.throwIfAborted()
    try {
      return await attempt()
    } catch (error) {
      if (!isPassing(error) || performance.now() >= endsAtMs) throw error
      await delay(Math.max(pauseMs, error.retryAfterMs), undefined, { signal })
    }
  }
}

/** Works on a few items at a time. */
export async function fewAtATime<Item>(
  items: readonly Item[],
  atOnce: number,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const waiting = items.values()
  const worker = async (): Promise<void> => {
    for (const item of waiting) await work(item)
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
}
