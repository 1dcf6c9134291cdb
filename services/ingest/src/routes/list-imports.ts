import { listImports } from '@csr/contracts/http/ingest'
import { route, type Route } from '@csr/http/route'
import type { ImportStore } from '../store/import-store.ts'
import { bodyOf } from './import-body.ts'

type Deps = { readonly imports: Pick<ImportStore, 'list'> }

export function listImportsRoute({ imports }: Deps): Route {
  return route({
    ...listImports,
    async handle({ principal, query: { cursor, limit } }) {
      const records = await imports.list(principal.tenantId, { before: cursor ?? null, limit: limit + 1 })
      const items = records.slice(0, limit).map(bodyOf)
      return { status: 200, body: { items, nextCursor: records.length > limit ? (items.at(-1)?.id ?? null) : null } }
    },
  })
}
