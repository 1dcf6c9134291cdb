import { decrypt, encrypt } from './authenticated-encryption.ts'
import { KeyringUnavailable, SealBroken } from './errors.ts'
import { readKeyFile } from './key-file.ts'

/** What a tenant key is bound to: it opens for this tenant and version only. */
export type TenantKeyAddress = { readonly tenantId: string; readonly version: number }

/** A wrapped key and the id of the root key that wrapped it. */
export type Wrapped = { readonly rootKeyId: string; readonly wrapped: Buffer }

/**
 * The key above all tenant keys. It never leaves its implementation: a file in development, a transit engine elsewhere.
 * Both calls throw `KeyringUnavailable` while the implementation cannot be reached.
 */
export interface RootKey {
  wrap(secret: Buffer, address: TenantKeyAddress): Promise<Wrapped>
  unwrap(wrapped: Wrapped, address: TenantKeyAddress): Promise<Buffer>
}

/** Root keys in a file of their own; the current one wraps, all of them unwrap. Throws `KeyFileRefused`. */
export function openFileRootKey(path: string): RootKey {
  const file = readKeyFile(path)
  const named = (rootKeyId: string): Buffer => {
    const key = file.keys.get(rootKeyId)
    if (!key) throw new KeyringUnavailable(`root key ${rootKeyId} is not in the key file`)
    return key
  }
  return {
    async wrap(secret, address) {
      return {
        rootKeyId: file.current,
        wrapped: encrypt(named(file.current), addressOf(file.current, address), secret),
      }
    },
    async unwrap({ rootKeyId, wrapped }, address) {
      const secret = decrypt(named(rootKeyId), addressOf(rootKeyId, address), wrapped)
      if (!secret) throw new SealBroken('a tenant key was changed or moved')
      return secret
    },
  }
}

function addressOf(rootKeyId: string, { tenantId, version }: TenantKeyAddress): Buffer {
  return Buffer.from(JSON.stringify(['tenant-key', rootKeyId, tenantId, version]))
}
