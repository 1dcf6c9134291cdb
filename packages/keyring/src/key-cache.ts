import type { Clock } from '@csr/runtime/clock'
import { KeyringUnavailable, SealBroken } from './errors.ts'
import { createSecretSlab } from './secret-slab.ts'

/** A key is used for at most this long after it was last read from the store. */
export const keyLifeMs = 60_000
/** What may change under us (restriction, destruction, whose identifier it is) is read again after this long. */
export const freshMs = 15_000
const entriesMax = 50_000

/** One data key in memory. Views share it, so that zeroising it here ends it everywhere. */
export type KeyCell = {
  readonly tenantId: string
  readonly keyId: string
  version: number
  /** null where it was destroyed, is broken, was evicted or is too old; never kept beyond the turn it is read in */
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
  /** the secret given is zeroised: from here on it is the cell's */
  put(tenantId: string, key: ReadKey): KeyCell
  /** the key of the person with this blind index, if both were read within the last 15 s and it was not destroyed */
  person(tenantId: string, blindIndex: string): KeyCell | undefined
  putPerson(blindIndex: string, cell: KeyCell): void
  /** the secret of a cell for immediate use; throws `KeyringUnavailable` once it has left memory */
  secretOf(cell: KeyCell): Buffer
  /** zeroises and forgets what is too old */
  sweep(): void
  /** zeroises and forgets everything */
  clear(): void
}

/** Ids and blind indexes name one thing in all tenants; that a cell belongs to the tenant that asks is checked all the same. */
export function createKeyCache(clock: Clock, options: { entriesMax?: number } = {}): KeyCache {
  const most = options.entriesMax ?? entriesMax
  // Both maps are in the order of reading: what is read again moves to the end, the oldest stand in front.
  const cells = new Map<string, KeyCell>()
  const people = new Map<string, { readonly cell: KeyCell; readonly readAtMs: number }>()
  const slab = createSecretSlab()
  const isFresh = (readAtMs: number): boolean => Math.abs(clock.nowMs() - readAtMs) < freshMs
  const isOver = (readAtMs: number): boolean => Math.abs(clock.nowMs() - readAtMs) > keyLifeMs

  function zeroise(cell: KeyCell): void {
    if (cell.secret) slab.giveBack(cell.secret)
    cell.secret = null
  }

  /** A cell that was erased stays so: an answer that was under way at that moment may still bring the key. */
  function renew(cell: KeyCell, key: ReadKey): void {
    zeroise(cell)
    cell.erased ||= key.secret === 'erased'
    cell.broken = key.secret === 'broken'
    if (typeof key.secret === 'object') cell.secret = slab.take(key.secret)
    if (cell.erased) zeroise(cell)
    cell.version = key.version
    cell.restricted = key.restricted
    cell.readAtMs = clock.nowMs()
  }

  function forget(cell: KeyCell): void {
    zeroise(cell)
    cells.delete(cell.keyId)
  }

  return {
    fresh(tenantId, keyId) {
      const cell = cells.get(keyId)
      if (cell?.tenantId !== tenantId || !isFresh(cell.readAtMs)) return undefined
      return cell.secret || cell.erased ? cell : undefined
    },
    put(tenantId, key) {
      const known = cells.get(key.keyId)
      if (known && known.tenantId !== tenantId) forget(known)
      const cell = known?.tenantId === tenantId ? known : emptyCell(tenantId, key.keyId)
      renew(cell, key)
      cells.delete(key.keyId)
      cells.set(key.keyId, cell)
      if (cells.size > most) forget(cells.values().next().value as KeyCell)
      return cell
    },
    person(tenantId, blindIndex) {
      const entry = people.get(blindIndex)
      if (entry?.cell.tenantId !== tenantId || !isFresh(entry.readAtMs)) return undefined
      return isFresh(entry.cell.readAtMs) && entry.cell.secret ? entry.cell : undefined
    },
    putPerson(blindIndex, cell) {
      people.delete(blindIndex)
      people.set(blindIndex, { cell, readAtMs: clock.nowMs() })
      if (people.size > most) people.delete(people.keys().next().value as string)
    },
    secretOf(cell) {
      if (cell.secret && isOver(cell.readAtMs)) zeroise(cell)
      if (cell.broken) throw new SealBroken('its data key was changed or moved')
      if (!cell.secret) throw new KeyringUnavailable('a key has left memory, it must be loaded again')
      return cell.secret
    },
    sweep() {
      for (const cell of cells.values()) {
        if (!isOver(cell.readAtMs)) break
        forget(cell)
      }
      for (const [blindIndex, entry] of people) {
        if (isFresh(entry.readAtMs)) break
        people.delete(blindIndex)
      }
    },
    clear() {
      for (const cell of cells.values()) zeroise(cell)
      cells.clear()
      people.clear()
    },
  }
}

function emptyCell(tenantId: string, keyId: string): KeyCell {
  return { tenantId, keyId, version: 0, secret: null, erased: false, broken: false, restricted: false, readAtMs: 0 }
}
