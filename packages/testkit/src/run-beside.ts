import type { run } from 'node:test'
import type { TestEvent } from 'node:test/reporters'

export type Beside = {
  /** what files may take together */
  readonly places: number
  /** what one takes; no more than there are */
  readonly placesOf: (file: string) => number
  readonly start: (file: string) => ReturnType<typeof run>
  /** no further file is begun */
  readonly signal: AbortSignal
}

/**
 * Runs each file in a run of its own as soon as there is room, in their order, and hands on what it told when it has
 * ended. Files of more than one place begin when none of one place is left.
 */
export async function* runBeside(files: readonly string[], beside: Beside): AsyncGenerator<readonly TestEvent[]> {
  const { placesOf, signal } = beside
  const waiting = [...files]
  const running = new Map<string, Promise<{ readonly file: string; readonly events: readonly TestEvent[] }>>()

  function next(): string | undefined {
    if (signal.aborted) return undefined
    const room = beside.places - sum([...running.keys()].map(placesOf))
    const smallWaits = waiting.some((file) => placesOf(file) === 1)
    const at = waiting.findIndex((file) => placesOf(file) <= room && (placesOf(file) === 1 || !smallWaits))
    return at < 0 ? undefined : waiting.splice(at, 1)[0]
  }

  async function follow(file: string) {
    return { file, events: await Array.fromAsync(beside.start(file) as AsyncIterable<TestEvent>) }
  }

  for (;;) {
    for (let file = next(); file !== undefined; file = next()) running.set(file, follow(file))
    if (running.size === 0) return
    const { file, events } = await Promise.race(running.values())
    running.delete(file)
    yield events
  }
}

const sum = (counts: readonly number[]): number => counts.reduce((total, count) => total + count, 0)
