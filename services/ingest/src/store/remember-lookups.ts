import type { Clock } from '@csr/runtime/clock'

/** Answers of a look-up by id, remembered for a short while; requests that miss at the same time share one look-up. */
export interface Lookups<Found> {
  find(id: string): Promise<Found | null>
  forget(id: string): void
}

const rememberedMs = 10_000
const foundMax = 10_000
/** Whoever guesses ids fills this one only. */
const unknownMax = 1_000

type Entry<Found> = { readonly answer: Promise<Found | null>; readonly untilMs: number }

export function rememberLookups<Found>(options: {
  readonly clock: Pick<Clock, 'nowMs'>
  read(id: string): Promise<Found | null>
}): Lookups<Found> {
  const { clock, read } = options
  const found = new Map<string, Entry<Found>>()
  const unknown = new Map<string, Entry<Found>>()

  /** Starts among the unknown ones, so that ids that were never found cannot push out those that were. */
  function lookUp(id: string): Promise<Found | null> {
    const answer = read(id)
    const entry = { answer, untilMs: clock.nowMs() + rememberedMs }
    put(unknown, id, entry, unknownMax)
    const settle = (value: Found | null | undefined): void => {
      if (value === null || unknown.get(id) !== entry) return
      unknown.delete(id)
      if (value !== undefined) put(found, id, entry, foundMax)
    }
    // A failure is nobody's answer but that of who asked meanwhile.
    void answer.catch(() => undefined).then(settle)
    return answer
  }

  return {
    find(id) {
      const nowMs = clock.nowMs()
      for (const entries of [found, unknown]) {
        const entry = entries.get(id)
        if (!entry) continue
        // A clock that was set back must not keep an answer alive.
        if (entry.untilMs > nowMs && entry.untilMs <= nowMs + rememberedMs) return entry.answer
        entries.delete(id)
      }
      return lookUp(id)
    },
    forget(id) {
      found.delete(id)
      unknown.delete(id)
    },
  }
}

function put<Found>(entries: Map<string, Entry<Found>>, id: string, entry: Entry<Found>, most: number): void {
  entries.delete(id)
  entries.set(id, entry)
  if (entries.size > most) entries.delete(entries.keys().next().value as string)
}
