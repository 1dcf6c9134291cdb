import type { SealedText } from '@csr/contracts/events/envelope'
import { KeyErased, KeyringUnavailable, SealBroken } from './errors.ts'
import { openText, readSeal, sealText, type DataKey, type Place } from './field-cipher.ts'
import type { KeyCache, KeyCell } from './key-cache.ts'

/** `missing` (neither key nor tombstone) is an alarm: try again later, never dead-letter. */
export type Opened =
  | { readonly state: 'value'; readonly value: string }
  | { readonly state: 'erased' }
  | { readonly state: 'missing' }

/** Unwrapped keys of one tenant, for the work at hand: synchronous, usable for up to a minute. */
export interface Keys {
  /**
   * Seals a value for its place under the key of a subject or record. Throws `KeyErased` for a destroyed key and
   * `KeyringUnavailable` for one that is missing or has left memory.
   */
  seal(keyId: string, place: Place, plaintext: string): SealedText
  /** Opens a value at the place it was sealed for. Throws `SealBroken` where it was changed, cut or moved. */
  open(sealed: SealedText, place: Place): Opened
  /** Opens what has to be there: the value, or `KeyringUnavailable` where its key is missing or destroyed. */
  read(sealed: SealedText, place: Place): string
  /** true where the key was destroyed */
  erased(keyId: string): boolean
  /** true where the subject asked for restriction (Art. 18); at most 15 s old */
  restricted(keyId: string): boolean
}

/** What a view of keys tells of what must not happen. */
export type KeyAlarms = { broken(field: string, error: SealBroken): void; missing(field: string, keyId: string): void }

const erased: Opened = { state: 'erased' }
const missing: Opened = { state: 'missing' }

/** `cells` holds what was asked for; null marks a key that has neither row nor tombstone. */
export function createKeys(
  tenantId: string,
  cells: ReadonlyMap<string, KeyCell | null>,
  deps: { cache: Pick<KeyCache, 'secretOf'>; alarms: KeyAlarms },
): Keys {
  const dataKey = (cell: KeyCell): DataKey => ({
    tenantId,
    keyId: cell.keyId,
    version: cell.version,
    secret: deps.cache.secretOf(cell),
  })

  function open(sealed: SealedText, place: Place): Opened {
    const seal = readSeal(sealed)
    const cell = cells.get(seal.keyId)
    if (cell === undefined) throw new SealBroken('it names a key that was not loaded for it')
    if (cell === null) {
      deps.alarms.missing(place.field, seal.keyId)
      return missing
    }
    if (cell.erased) return erased
    if (cell.version !== seal.version) throw new SealBroken('it names another version of its key')
    return { state: 'value', value: openText(dataKey(cell), place, seal) }
  }

  function openAtPlace(sealed: SealedText, place: Place): Opened {
    try {
      return open(sealed, place)
    } catch (error) {
      if (error instanceof SealBroken) deps.alarms.broken(place.field, error)
      throw error
    }
  }

  return {
    seal(keyId, place, plaintext) {
      const cell = cells.get(keyId)
      if (cell === undefined) throw new TypeError(`Key ${keyId} was not loaded`)
      if (cell === null) throw new KeyringUnavailable(`key ${keyId} is missing`)
      if (cell.erased) throw new KeyErased(keyId)
      return sealText(dataKey(cell), place, plaintext)
    },
    open: openAtPlace,
    read(sealed, place) {
      const opened = openAtPlace(sealed, place)
      if (opened.state !== 'value') throw new KeyringUnavailable(`the key of a ${place.field} is ${opened.state}`)
      return opened.value
    },
    erased: (keyId) => cells.get(keyId)?.erased ?? false,
    restricted: (keyId) => cells.get(keyId)?.restricted ?? false,
  }
}
