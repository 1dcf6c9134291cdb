import { listImportRows } from '@csr/contracts/http/ingest'
import { ProblemError } from '@csr/http/problem'
import { route, type Route } from '@csr/http/route'
import type { ImportStore } from '../store/import-store.ts'

type Deps = { readonly imports: Pick<ImportStore, 'find' | 'rows'> }

export function listImportRowsRoute({ imports }: Deps): Route {
  return route({
    ...listImportRows,
    async handle({ principal: { tenantId }, params: { id }, query: { status, cursor, limit } }) {
      if (!(await imports.find(tenantId, id))) throw new ProblemError('resource-not-found')
      const page = { status: status ?? null, before: cursor ?? null, limit: limit + 1 }
      const rows = await imports.rows(tenantId, id, page)
      const items = rows
        .slice(0, limit)
        .map(({ row, status: became, reasons }) => ({ row, status: became, reasons: reasons ?? [] }))
      const last = items.at(-1)
      return { status: 200, body: { items, nextCursor: rows.length > limit && last ? String(last.row) : null } }
    },
  })
}
