import type { SealedText } from '@csr/contracts/events/envelope'
import { decrypt, encrypt } from './authenticated-encryption.ts'
import { SealBroken } from './errors.ts'

/** Where a value stands. It opens there and nowhere else. */
export type Place = {
  /** `profile.profiles.email`, or `ingest.session.completed.v1/text` */
  readonly field: string
  /** id of the row or of the event */
  readonly row: string
}

/** The data key a value is sealed under. */
export type DataKey = {
  readonly tenantId: string
  readonly keyId: string
  readonly version: number
  readonly secret: Buffer
}

/** The parts of a stored value that can be read without a key. */
export type Seal = { readonly keyId: string; readonly version: number; readonly body: string }

/** Values below this many bytes all look alike in length. */
const paddedBytes = 64
const form =
  /^s1\.([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\.([1-9][0-9]{0,5})\.([A-Za-z0-9_-]{38,})$/

/** Stored form: `s1.<key id>.<key version>.<base64url of nonce, ciphertext, tag>`. Equal values give different texts. */
export function sealText(key: DataKey, place: Place, plaintext: string): SealedText {
  const body = encrypt(key.secret, addressOf(key, place), pad(plaintext))
  return `s1.${key.keyId}.${key.version}.${body.toString('base64url')}` as unknown as SealedText
}

/** The value that was sealed with this key for this place; anything else throws `SealBroken`. */
export function openText(key: DataKey, place: Place, seal: Seal): string {
  const body = Buffer.from(seal.body, 'base64url')
  // Node decodes sloppily; only the one canonical spelling of the bytes is a value of ours.
  if (body.toString('base64url') !== seal.body) throw new SealBroken('it is not canonical base64url')
  const padded = decrypt(key.secret, addressOf(key, place), body)
  if (!padded) throw new SealBroken('it was changed or moved')
  return unpad(padded)
}

/** Reads the key id and version of a stored value; throws `SealBroken` where it has not the stored form. */
export function readSeal(sealed: SealedText): Seal {
  const match = form.exec(sealed as unknown as string)
  if (!match) throw new SealBroken('it has not the stored form')
  return { keyId: match[1] as string, version: Number(match[2]), body: match[3] as string }
}

/** The id of the key a value is sealed under: what has to be loaded before it can be opened. */
export function keyIdOf(sealed: SealedText): string {
  return readSeal(sealed).keyId
}

/** The value's full address: tenant, key, field, row, key version. JSON keeps the parts apart. */
function addressOf(key: DataKey, place: Place): Buffer {
  return Buffer.from(JSON.stringify([key.tenantId, key.keyId, place.field, place.row, key.version]))
}

/** One bit and zeros behind the value (ISO/IEC 7816-4), up to 64 bytes; longer values get the one byte only. */
function pad(plaintext: string): Buffer {
  const bytes = Buffer.byteLength(plaintext)
  const padded = Buffer.alloc(Math.max(paddedBytes, bytes + 1))
  padded.write(plaintext, 'utf8')
  padded[bytes] = 0x80
  return padded
}

function unpad(padded: Buffer): string {
  let end = padded.length - 1
  while (end >= 0 && padded[end] === 0) end -= 1
  if (padded[end] !== 0x80) throw new SealBroken('its padding is not ours')
  return padded.toString('utf8', 0, end)
}
