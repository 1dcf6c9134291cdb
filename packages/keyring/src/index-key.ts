import { createHmac, createSecretKey, hkdfSync, type KeyObject } from 'node:crypto'
import { readKeyFile } from './key-file.ts'

/** HMAC-SHA-256 over parts that cannot run into each other. */
export type KeyedHash = (parts: readonly (string | Uint8Array)[]) => Buffer

/** The key of blind indexes and fingerprints. It lives in a file of its own and never in a database. */
export interface IndexKey {
  /** the hash for blind indexes of one tenant */
  blindIndex(tenantId: string): KeyedHash
  /** the hash for one purpose of one tenant; purposes never share a key */
  fingerprint(tenantId: string, purpose: string): KeyedHash
}

const derivedMax = 50_000

/** Reads the index key. Throws `KeyFileRefused`. Keys are derived once per tenant and purpose (HKDF, RFC 5869). */
export function openIndexKey(path: string): IndexKey {
  const file = readKeyFile(path)
  const master = file.keys.get(file.current) as Buffer
  const derived = new Map<string, KeyedHash>()

  function hashFor(tenantId: string, purpose: string): KeyedHash {
    const name = `${tenantId}/${purpose}`
    const known = derived.get(name)
    if (known) return known
    if (derived.size >= derivedMax) derived.delete(derived.keys().next().value as string)
    const key = createSecretKey(Buffer.from(hkdfSync('sha256', master, tenantId, purpose, 32)))
    const hash = keyedHash(key)
    derived.set(name, hash)
    return hash
  }

  return {
    blindIndex: (tenantId) => hashFor(tenantId, 'blind-index'),
    fingerprint: (tenantId, purpose) => hashFor(tenantId, `fingerprint/${purpose}`),
  }
}

/** The lengths stand in front, so that the parts cannot run into each other. */
function keyedHash(key: KeyObject): KeyedHash {
  return (parts) => {
    const lengths = parts.map((part) => (typeof part === 'string' ? Buffer.byteLength(part) : part.byteLength)).join()
    const hmac = createHmac('sha256', key).update(`${lengths}\n`)
    for (const part of parts) hmac.update(part)
    return hmac.digest()
  }
}

/** The first 128 bits of a hash in the shape of a UUIDv8 (RFC 9562, 5.8). */
export function toUuid(hash: Buffer): string {
  const bytes = Buffer.from(hash.subarray(0, 16))
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  const hex = bytes.toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}
