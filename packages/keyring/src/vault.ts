import type { SealedText } from '@csr/contracts/events/envelope'
import { platformTenantId } from '@csr/contracts/services'
import { TenantUnknown } from './errors.ts'
import type { Keyring } from './keyring.ts'

/** Seals what belongs to nobody that could be named: a key of its own each, under the platform's tenant. */
export type Vault = {
  /** null before the platform's tenant has a key: nothing can be sealed then */
  seal(recordId: string, text: string): Promise<string | null>
  /** null where the key is destroyed */
  open(recordId: string, sealed: string): Promise<string | null>
}

const field = 'dead-letter/payload'

/** A vault for messages nobody could read. Throws `KeyringUnavailable` while the key store is away. */
export function createVault(keyring: Pick<Keyring, 'createRecordKeys' | 'load'>): Vault {
  return {
    async seal(recordId, text) {
      try {
        const keys = await keyring.createRecordKeys(platformTenantId, [recordId])
        return keys.seal(recordId, { field, row: recordId }, text) as unknown as string
      } catch (error) {
        if (error instanceof TenantUnknown) return null
        throw error
      }
    },
    async open(recordId, sealed) {
      const keys = await keyring.load(platformTenantId, [recordId])
      const opened = keys.open(sealed as unknown as SealedText, { field, row: recordId })
      return opened.state === 'value' ? opened.value : null
    },
  }
}
