import { createHmac, timingSafeEqual } from 'node:crypto'

/**
 * Standard Webhooks: each `v1` signature is the Base64 HMAC-SHA-256 over `id.timestamp.body`, of the body's raw bytes.
 * Only `v1` is looked at, so that adding a weaker or unknown version to the header changes nothing.
 * Every secret is compared with every signature whatever the outcome so far.
 */
export function verifySignature(signed: SignedRequest, secrets: readonly Uint8Array[], now: VerificationTime): boolean {
  const given = readSignatures(signed.signature)
  if (given.length === 0 || !webhookIdForm.test(signed.webhookId) || !isTimely(signed.timestamp, now)) return false
  let valid = false
  for (const secret of secrets) {
    const expected = createHmac('sha256', secret)
      .update(`${signed.webhookId}.${signed.timestamp}.`)
      .update(signed.body)
      .digest()
    for (const signature of given) {
      if (timingSafeEqual(expected, signature)) valid = true
    }
  }
  return valid
}

/** The key bytes of a `whsec_<base64>` secret; null where it is not one, or outside the 24 to 64 bytes of the standard. */
export function readSecret(text: string): Uint8Array | null {
  const match = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(text)
  if (!match?.[1]) return null
  const bytes = Buffer.from(match[1], 'base64')
  return bytes.length >= 24 && bytes.length <= 64 ? bytes : null
}

const signatureBytes = 32
/** A rotation needs two or three; the limit bounds the work one request can cause. */
const signaturesMax = 16
const headerCharactersMax = 4_096
const webhookIdForm = /^[\x21-\x7e]{1,200}$/

function readSignatures(header: string): Uint8Array[] {
  if (header.length > headerCharactersMax) return []
  const signatures: Uint8Array[] = []
  for (const entry of header.split(' ')) {
    if (!entry.startsWith('v1,')) continue
    const signature = Buffer.from(entry.slice(3), 'base64')
    if (signature.length === signatureBytes) signatures.push(signature)
    if (signatures.length === signaturesMax) break
  }
  return signatures
}

function isTimely(timestamp: string, now: VerificationTime): boolean {
  if (!/^[0-9]{1,12}$/.test(timestamp)) return false
  return Math.abs(now.seconds - Number(timestamp)) <= now.toleranceSeconds
}

export type SignedRequest = {
  readonly webhookId: string
  /** Unix seconds, as sent */
  readonly timestamp: string
  readonly signature: string
  readonly body: Uint8Array
}

export type VerificationTime = { readonly seconds: number; readonly toleranceSeconds: number }
