import type { Clock } from '@csr/runtime/clock'
import { KeyringUnavailable, SealBroken } from './errors.ts'
import { createSecretSlab, type SecretSlab } from './secret-slab.ts'

/** A key is used for at most this long after it was last read from the store. */
export const keyLifeMs = 60_000
/** What may change under us (restriction, destruction, whose identifier it is) is read again after this long. */
export const freshMs = 15_000
/** Keys, and mappings to keys, that are held at a time. */
export const entriesMax = 50_000

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

/** Unwrapped data keys of all tenants, bounded in number and time. */
export interface KeyCache {
  /** a key or tombstone read within the last 15 s */
  fresh(tenantId: string, keyId: string): KeyCell | undefined
  /** the secret given is zeroised: from here on it is the cell's */
  put(tenantId: string, key: ReadKey): KeyCell
  /** the secret of a cell for immediate use; throws `KeyringUnavailable` once it has left memory */
  secretOf(cell: KeyCell): Buffer
  /** zeroises and forgets what is too old */
  sweep(): void
  /** zeroises and forgets everything */
  clear(): void
}

export function createKeyCache(clock: Clock, options: { entriesMax?: number } = {}): KeyCache {
  const most = options.entriesMax ?? entriesMax
  // In the order of reading: what is read again moves to the end, the oldest stand in front.
  const cells = new Map<string, KeyCell>()
  const slab = createSecretSlab()
  const ageMs = (cell: KeyCell): number => Math.abs(clock.nowMs() - cell.readAtMs)

  function forget(cell: KeyCell): void {
    zeroise(cell, slab)
    cells.delete(cell.keyId)
  }

  return {
    fresh(tenantId, keyId) {
      const cell = cells.get(keyId)
      if (cell?.tenantId !== tenantId || ageMs(cell) >= freshMs) return undefined
      return cell.secret || cell.erased ? cell : undefined
    },
    put(tenantId, key) {
      const known = cells.get(key.keyId)
      if (known && known.tenantId !== tenantId) forget(known)
      const cell = known?.tenantId === tenantId ? known : emptyCell(tenantId, key.keyId)
      renew(cell, key, slab)
      cell.readAtMs = clock.nowMs()
      cells.delete(key.keyId)
      cells.set(key.keyId, cell)
      if (cells.size > most) forget(cells.values().next().value as KeyCell)
      return cell
    },
    secretOf(cell) {
      if (ageMs(cell) > keyLifeMs) zeroise(cell, slab)
      if (cell.broken) throw new SealBroken('its data key was changed or moved')
      if (!cell.secret) throw new KeyringUnavailable('a key has left memory, it must be loaded again')
      return cell.secret
    },
    sweep() {
      for (const cell of cells.values()) {
        if (ageMs(cell) <= keyLifeMs) break
        forget(cell)
      }
    },
    clear() {
      for (const cell of cells.values()) zeroise(cell, slab)
      cells.clear()
    },
  }
}

function emptyCell(tenantId: string, keyId: string): KeyCell {
  return { tenantId, keyId, version: 0, secret: null, erased: false, broken: false, restricted: false, readAtMs: 0 }
}

/** A cell that was erased stays so: an answer that was under way at that moment may still bring the key. */
function renew(cell: KeyCell, key: ReadKey, slab: SecretSlab): void {
  zeroise(cell, slab)
  cell.erased ||= key.secret === 'erased'
  cell.broken = key.secret === 'broken'
  if (typeof key.secret === 'object') cell.secret = slab.take(key.secret)
  if (cell.erased) zeroise(cell, slab)
  cell.version = key.version
  cell.restricted = key.restricted
}

function zeroise(cell: KeyCell, slab: SecretSlab): void {
  if (cell.secret) slab.giveBack(cell.secret)
  cell.secret = null
}
