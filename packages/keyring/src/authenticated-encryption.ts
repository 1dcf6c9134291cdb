import { createCipheriv, createDecipheriv, randomFillSync } from 'node:crypto'

/** AES-256-GCM as NIST SP 800-38D has it: 96-bit random nonces, 128-bit tags and nothing shorter. */
const algorithm = 'aes-256-gcm'
const tag = { authTagLength: 16 } as const
const nonceBytes = 12
const tagBytes = 16
export const secretBytes = 32

/** Nonces come from a pool of random bytes, each byte used once: a call to the generator per value costs half a seal. */
const noncePool = Buffer.allocUnsafeSlow(nonceBytes * 512)
let nonceOffset = noncePool.length

function takeNonce(target: Buffer): void {
  if (nonceOffset === noncePool.length) {
    randomFillSync(noncePool)
    nonceOffset = 0
  }
  noncePool.copy(target, 0, nonceOffset, nonceOffset + nonceBytes)
  nonceOffset += nonceBytes
}

/** Nonce, ciphertext and tag, in this order. `address` is authenticated with it and must be given again to decrypt. */
export function encrypt(secret: Buffer, address: Buffer, plain: Buffer): Buffer {
  const sealed = Buffer.allocUnsafe(nonceBytes + plain.length + tagBytes)
  takeNonce(sealed)
  const cipher = createCipheriv(algorithm, secret, sealed.subarray(0, nonceBytes), tag)
  cipher.setAAD(address)
  cipher.update(plain).copy(sealed, nonceBytes)
  cipher.final()
  cipher.getAuthTag().copy(sealed, nonceBytes + plain.length)
  return sealed
}

/** What `encrypt` was given, or null where the key, the address or a single bit differs. */
export function decrypt(secret: Buffer, address: Buffer, sealed: Buffer): Buffer | null {
  if (sealed.length < nonceBytes + tagBytes) return null
  const tagAt = sealed.length - tagBytes
  const decipher = createDecipheriv(algorithm, secret, sealed.subarray(0, nonceBytes), tag)
  decipher.setAAD(address)
  decipher.setAuthTag(sealed.subarray(tagAt))
  const plain = decipher.update(sealed.subarray(nonceBytes, tagAt))
  try {
    decipher.final()
  } catch {
    plain.fill(0)
    return null
  }
  return plain
}
