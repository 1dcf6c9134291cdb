import { listSigningKeys } from '@csr/contracts/http/gateway'
import { route, type Route } from '@csr/http/route'
import type { SigningKeys } from '../tokens/signing-keys.ts'

const instant = (ms: number): string => new Date(ms).toISOString()

export function listSigningKeysRoute({ keys }: { readonly keys: Pick<SigningKeys, 'describe'> }): Route {
  return route({
    ...listSigningKeys,
    async handle() {
      const described = await keys.describe()
      const items = described.map(({ kid, state, publishedAtMs, activeFromMs, retiresAtMs }) => ({
        ...{ kid, state, publishedAt: instant(publishedAtMs) },
        activeFrom: activeFromMs === null ? null : instant(activeFromMs),
        retiresAt: retiresAtMs === null ? null : instant(retiresAtMs),
      }))
      return { status: 200, body: { items } }
    },
  })
}
