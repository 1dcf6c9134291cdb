import type { Clock } from '@csr/runtime/clock'
import { KeyringUnavailable, SealBroken } from './errors.ts'

/** A key is used for at most this long after it was last read from the store. */
export const keyLifeMs = 60_000
/** What may change under us (restriction, destruction, whose identifier it is) is read again after this long. */
export const freshMs = 15_000
const entriesMax = 50_000

/** One data key in memory. Views share it, so that zeroising it here ends it everywhere. */
export type KeyCell = {
  readonly keyId: string
  version: number
  /** null where it was destroyed, is broken, was evicted or is too old */
  secret: Buffer | null
  erased: boolean
  /** the wrapped key was changed or moved: only this key fails, not those read with it */
  broken: boolean
  restricted: boolean
  readAtMs: number
}

/** What was read of a key; `secret` is what unwrapping gave, or why there is none. */
export type ReadKey = {
  readonly keyId: string
  readonly version: number
  readonly secret: Buffer | 'erased' | 'broken'
  readonly restricted: boolean
}

/** Unwrapped data keys and identifier mappings of all tenants, bounded in number and time. */
export interface KeyCache {
  /** a key or tombstone read within the last 15 s */
  fresh(tenantId: string, keyId: string): KeyCell | undefined
  put(tenantId: string, key: ReadKey): KeyCell
  /** the key of the person with this blind index, if both were read within the last 15 s and it was not destroyed */
  person(tenantId: string, blindIndex: string): KeyCell | undefined
  putPerson(tenantId: string, blindIndex: string, cell: KeyCell): void
  /** zeroises and forgets what is too old */
  sweep(): void
  /** zeroises and forgets everything */
  clear(): void
}

/** The secret of a cell for immediate use; throws `KeyringUnavailable` once it has left memory. */
export function secretOf(cell: KeyCell, nowMs: number): Buffer {
  if (cell.secret && nowMs - cell.readAtMs > keyLifeMs) zeroise(cell)
  if (cell.broken) throw new SealBroken('its data key was changed or moved')
  if (!cell.secret) throw new KeyringUnavailable('a key has left memory, it must be loaded again')
  return cell.secret
}

export function createKeyCache(clock: Clock, options: { entriesMax?: number } = {}): KeyCache {
  const most = options.entriesMax ?? entriesMax
  // Both maps are in the order of reading: a key that is read again moves to the end, the oldest stand in front.
  const cells = new Map<string, KeyCell>()
  const people = new Map<string, { readonly cell: KeyCell; readonly readAtMs: number }>()
  const isFresh = (readAtMs: number): boolean => Math.abs(clock.nowMs() - readAtMs) < freshMs

  function evictOldest(): void {
    for (const [name, cell] of cells) {
      if (cells.size <= most) return
      zeroise(cell)
      cells.delete(name)
    }
  }

  return {
    fresh(tenantId, keyId) {
      const cell = cells.get(`${tenantId}/${keyId}`)
      return cell && isFresh(cell.readAtMs) && (cell.secret || cell.erased) ? cell : undefined
    },
    put(tenantId, key) {
      const name = `${tenantId}/${key.keyId}`
      const known = cells.get(name)
      const cell = known ?? emptyCell(key.keyId)
      renew(cell, key, clock.nowMs())
      cells.delete(name)
      cells.set(name, cell)
      evictOldest()
      return cell
    },
    person(tenantId, blindIndex) {
      const entry = people.get(`${tenantId}/${blindIndex}`)
      if (!entry || !isFresh(entry.readAtMs) || !isFresh(entry.cell.readAtMs)) return undefined
      return entry.cell.secret ? entry.cell : undefined
    },
    putPerson(tenantId, blindIndex, cell) {
      const name = `${tenantId}/${blindIndex}`
      people.delete(name)
      people.set(name, { cell, readAtMs: clock.nowMs() })
      if (people.size > most) people.delete(people.keys().next().value as string)
    },
    sweep() {
      const nowMs = clock.nowMs()
      for (const [name, cell] of cells) {
        if (Math.abs(nowMs - cell.readAtMs) <= keyLifeMs) break
        zeroise(cell)
        cells.delete(name)
      }
      for (const [name, entry] of people) {
        if (isFresh(entry.readAtMs)) break
        people.delete(name)
      }
    },
    clear() {
      for (const cell of cells.values()) zeroise(cell)
      cells.clear()
      people.clear()
    },
  }
}

function emptyCell(keyId: string): KeyCell {
  return { keyId, version: 0, secret: null, erased: false, broken: false, restricted: false, readAtMs: 0 }
}

/** A cell that was erased stays so: an answer that was under way at that moment may still bring the key. */
function renew(cell: KeyCell, key: ReadKey, nowMs: number): void {
  zeroise(cell)
  cell.erased ||= key.secret === 'erased'
  cell.broken = key.secret === 'broken'
  if (typeof key.secret === 'object') {
    if (cell.erased) key.secret.fill(0)
    else cell.secret = key.secret
  }
  cell.version = key.version
  cell.restricted = key.restricted
  cell.readAtMs = nowMs
}

function zeroise(cell: KeyCell): void {
  cell.secret?.fill(0)
  cell.secret = null
}
