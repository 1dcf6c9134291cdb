import { getImport } from '@csr/contracts/http/ingest'
import { ProblemError } from '@csr/http/problem'
import { route, type Route } from '@csr/http/route'
import type { ImportStore } from '../store/import-store.ts'
import { bodyOf } from './import-body.ts'

type Deps = { readonly imports: Pick<ImportStore, 'find'> }

export function getImportRoute({ imports }: Deps): Route {
  return route({
    ...getImport,
    async handle({ principal, params: { id } }) {
      const record = await imports.find(principal.tenantId, id)
      if (!record) throw new ProblemError('resource-not-found')
      return { status: 200, body: bodyOf(record) }
    },
  })
}
