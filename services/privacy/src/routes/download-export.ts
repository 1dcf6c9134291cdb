import { downloadExport } from '@csr/contracts/http/privacy'
import { ProblemError } from '@csr/http/problem'
import { route, type Route } from '@csr/http/route'
import { writeArchive } from '../archive/write-archive.ts'
import type { ExportStore } from '../store/export-store.ts'

type Deps = { readonly exports: Pick<ExportStore, 'find' | 'download'> }

/** The archive, once, for the one who asked for it. */
export function downloadExportRoute({ exports }: Deps): Route {
  return route({
    ...downloadExport,
    async handle({ principal, params: { id } }) {
      const view = await exports.find(principal.tenantId, id, principal.actorId)
      if (!view) throw new ProblemError('resource-not-found')
      const documents = await exports.download(principal.tenantId, view)
      if (!documents) throw new ProblemError('state-conflict', { detail: `The export is ${view.state}.` })
      const { id: exportId, subjectId, requestedAt } = view
      return {
        status: 200,
        body: Buffer.from(writeArchive({ exportId, subjectId, requestedAt }, documents)),
        headers: {
          'content-type': 'application/zip',
          'content-disposition': `attachment; filename="export-${exportId}.zip"`,
          'cache-control': 'no-store',
        },
      }
    },
  })
}
