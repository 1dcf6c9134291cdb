import type { Checkpoint } from '@csr/contracts/http/audit'
import { readSigningKey, signatureAlgorithm, type SigningKey } from '@csr/http/keys'
import type { Clock } from '@csr/runtime/clock'
import type { Resource } from '@csr/runtime/lifecycle'
import { CompactSign } from 'jose'

/** Signed statements of how long a tenant's log is and what its root is. Whoever keeps one notices any later change. */
export interface Checkpoints extends Resource {
  sign(tenantId: string, head: { readonly size: number; readonly root: Buffer }): Promise<Checkpoint>
}

/** The type in the header, so that a checkpoint never passes as a token. */
const checkpointType = 'audit-checkpoint+jws'

/** Signed checkpoints kept, so that asking again for an unchanged log costs no signature. */
const keptMax = 1_000

/** Signs with the key of the audit service; `start` refuses a missing key. */
export function createCheckpoints(options: { readonly keyFile: string; readonly clock: Clock }): Checkpoints {
  const kept = new Map<string, Checkpoint>()
  let key: SigningKey | null = null
  return {
    name: 'checkpoints',
    async start() {
      key = await readSigningKey(options.keyFile)
    },
    async sign(tenantId, { size, root }) {
      const last = kept.get(tenantId)
      if (last && last.size === size && last.root === root.toString('hex')) return last
      if (!key) throw new Error('checkpoints are signed after start only')
      const statement = { tenantId, size, root: root.toString('hex'), at: options.clock.now() }
      const signature = await new CompactSign(Buffer.from(JSON.stringify(statement)))
        .setProtectedHeader({ alg: signatureAlgorithm, typ: checkpointType, kid: key.kid })
        .sign(key.key)
      const signed = { ...statement, signature }
      kept.delete(tenantId)
      kept.set(tenantId, signed)
      const oldest = kept.size > keptMax ? kept.keys().next().value : undefined
      if (oldest !== undefined) kept.delete(oldest)
      return signed
    },
    async [Symbol.asyncDispose]() {
      kept.clear()
    },
  }
}
