import type { Clock } from '@csr/runtime/clock'
import { entriesMax, freshMs, type KeyCell } from './key-cache.ts'

/** Whose identifiers blind indexes are; bounded like the keys they lead to. A blind index is of one tenant only. */
export interface PersonCache {
  /** the key of the person with this blind index, if both were read within the last 15 s and it was not destroyed */
  find(tenantId: string, blindIndex: string): KeyCell | undefined
  /** whether somebody had this blind index within the last ten minutes: most likely still, but only the store can tell */
  wasRead(blindIndex: string): boolean
  put(blindIndex: string, cell: KeyCell): void
  sweep(): void
  clear(): void
}

/** How long a blind index is remembered by itself, without person or key. */
const rememberedMs = 600_000

export function createPersonCache(clock: Clock, options: { entriesMax?: number } = {}): PersonCache {
  const most = options.entriesMax ?? entriesMax
  // In the order of reading: what is read again moves to the end, the oldest stand in front.
  const people = new Map<string, { cell: KeyCell | null; readonly readAtMs: number }>()
  const isWithin = (readAtMs: number, ms: number): boolean => Math.abs(clock.nowMs() - readAtMs) < ms
  const isFresh = (readAtMs: number): boolean => isWithin(readAtMs, freshMs)

  return {
    find(tenantId, blindIndex) {
      const entry = people.get(blindIndex)
      if (entry?.cell?.tenantId !== tenantId || !isFresh(entry.readAtMs)) return undefined
      return isFresh(entry.cell.readAtMs) && entry.cell.secret ? entry.cell : undefined
    },
    wasRead(blindIndex) {
      const entry = people.get(blindIndex)
      return entry !== undefined && isWithin(entry.readAtMs, rememberedMs)
    },
    put(blindIndex, cell) {
      people.delete(blindIndex)
      people.set(blindIndex, { cell, readAtMs: clock.nowMs() })
      if (people.size > most) people.delete(people.keys().next().value as string)
    },
    sweep() {
      for (const [blindIndex, entry] of people) {
        if (isFresh(entry.readAtMs)) break
        entry.cell = null
        if (!isWithin(entry.readAtMs, rememberedMs)) people.delete(blindIndex)
      }
    },
    clear: () => people.clear(),
  }
}
