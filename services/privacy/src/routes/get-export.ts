import { getExport } from '@csr/contracts/http/privacy'
import { ProblemError } from '@csr/http/problem'
import { route, type Route } from '@csr/http/route'
import type { ExportStore } from '../store/export-store.ts'
import { statusOf } from './export-body.ts'

type Deps = { readonly exports: Pick<ExportStore, 'find'> }

export function getExportRoute({ exports }: Deps): Route {
  return route({
    ...getExport,
    async handle({ principal, params: { id } }) {
      const view = await exports.find(principal.tenantId, id, principal.actorId)
      if (!view) throw new ProblemError('resource-not-found')
      return { status: 200, body: statusOf(id, view) }
    },
  })
}
