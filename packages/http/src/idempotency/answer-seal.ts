import { createHmac, hkdfSync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { SealedText } from '@csr/contracts/events/envelope'
import type { Service } from '@csr/contracts/services'
import type { Keyring } from '@csr/keyring/keyring'

/** How keys and bodies become fingerprints, and answers unreadable. */
export interface AnswerSeal {
  /** HMAC-SHA-256, base64url */
  fingerprint(tenantId: string, ...parts: (string | Uint8Array)[]): string
  seal(tenantId: string, row: string, text: string): Promise<string>
  /** null where it cannot be opened any more */
  open(tenantId: string, row: string, sealed: string): Promise<string | null>
}

const purpose = 'idempotency'

/** Under keys of the tenant: answers may hold secrets and say something about people. One record key for each service. */
export function sealedAnswers(
  service: Service,
  keyring: Pick<Keyring, 'fingerprint' | 'fingerprintUuid' | 'createRecordKeys' | 'load'>,
): AnswerSeal {
  const field = `${service}.idempotency_keys.answer_sealed`
  const keyOf = (tenantId: string): string => keyring.fingerprintUuid(tenantId, purpose, service)
  return {
    fingerprint: (tenantId, ...parts) => keyring.fingerprint(tenantId, purpose, ...parts),
    async seal(tenantId, row, text) {
      const keyId = keyOf(tenantId)
      const keys = await keyring.createRecordKeys(tenantId, [keyId])
      return keys.seal(keyId, { field, row }, text) as unknown as string
    },
    async open(tenantId, row, sealed) {
      const keys = await keyring.load(tenantId, [keyOf(tenantId)])
      const opened = keys.open(sealed as unknown as SealedText, { field, row })
      return opened.state === 'value' ? opened.value : null
    },
  }
}

/**
 * For the one service that holds no keys, because it opens nothing: its answers are ids, counts and states of its own and
 * stay as they are. Fingerprints are made with a key derived from the service's private key.
 */
export function plainAnswers(serviceKeyFile: string): AnswerSeal {
  const key = Buffer.from(hkdfSync('sha256', readFileSync(serviceKeyFile), '', purpose, 32))
  return {
    fingerprint(tenantId, ...parts) {
      const hmac = createHmac('sha256', key)
      for (const part of [tenantId, ...parts]) hmac.update(`${Buffer.byteLength(part)}:`).update(part)
      return hmac.digest('base64url')
    },
    seal: (_tenantId, _row, text) => Promise.resolve(text),
    open: (_tenantId, _row, text) => Promise.resolve(text),
  }
}
