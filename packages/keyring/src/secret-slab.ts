import { secretBytes } from './authenticated-encryption.ts'

const secretsPerSlab = 512

/**
 * Memory for secrets: their places are zeroised and used again, so that secrets are not scattered over memory that only
 * the garbage collector knows, and fifty thousand of them stay small.
 */
export interface SecretSlab {
  /** moves a secret into a place of its own; the buffer given is zeroised */
  take(secret: Buffer): Buffer
  /** zeroises a place and frees it; nobody may hold it from here on */
  giveBack(place: Buffer): void
}

export function createSecretSlab(): SecretSlab {
  const free: Buffer[] = []

  function grow(): void {
    const slab = Buffer.allocUnsafeSlow(secretBytes * secretsPerSlab)
    for (let at = 0; at < slab.length; at += secretBytes) free.push(slab.subarray(at, at + secretBytes))
  }

  return {
    take(secret) {
      if (free.length === 0) grow()
      const place = free.pop() as Buffer
      secret.copy(place)
      secret.fill(0)
      return place
    },
    giveBack(place) {
      place.fill(0)
      free.push(place)
    },
  }
}
