import type { Clock } from '@csr/runtime/clock'
import { entriesMax, freshMs, type KeyCell } from './key-cache.ts'

/** Whose identifiers blind indexes are; bounded like the keys they lead to. A blind index is of one tenant only. */
export interface PersonCache {
  /** the key of the person with this blind index, if both were read within the last 15 s and it was not destroyed */
  find(tenantId: string, blindIndex: string): KeyCell | undefined
  put(blindIndex: string, cell: KeyCell): void
  sweep(): void
  clear(): void
}

export function createPersonCache(clock: Clock, options: { entriesMax?: number } = {}): PersonCache {
  const most = options.entriesMax ?? entriesMax
  // In the order of reading: what is read again moves to the end, the oldest stand in front.
  const people = new Map<string, { readonly cell: KeyCell; readonly readAtMs: number }>()
  const isFresh = (readAtMs: number): boolean => Math.abs(clock.nowMs() - readAtMs) < freshMs

  return {
    find(tenantId, blindIndex) {
      const entry = people.get(blindIndex)
      if (entry?.cell.tenantId !== tenantId || !isFresh(entry.readAtMs)) return undefined
      return isFresh(entry.cell.readAtMs) && entry.cell.secret ? entry.cell : undefined
    },
    put(blindIndex, cell) {
      people.delete(blindIndex)
      people.set(blindIndex, { cell, readAtMs: clock.nowMs() })
      if (people.size > most) people.delete(people.keys().next().value as string)
    },
    sweep() {
      for (const [blindIndex, entry] of people) {
        if (isFresh(entry.readAtMs)) break
        people.delete(blindIndex)
      }
    },
    clear: () => people.clear(),
  }
}
