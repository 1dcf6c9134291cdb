import { createExport } from '@csr/contracts/http/privacy'
import { route, type Route } from '@csr/http/route'
import type { ExportStore, Requested } from '../store/export-store.ts'
import { statusOf } from './export-body.ts'
import { subjectOfRequest } from './subject-of-request.ts'

type Deps = { readonly exports: Pick<ExportStore, 'request'> }

/** The answer is the same whether the person is known or not. */
export function createExportRoute({ exports }: Deps): Route {
  return route({
    ...createExport,
    async handle({ principal, body, requestId, once }) {
      const { subjectId, identityCheckedBy } = subjectOfRequest(principal, body)
      const asked = { subjectId, identityCheckedBy, requestId, actorId: principal.actorId }
      const requested = await exports.request(principal.tenantId, asked, (made) => once.keep(answerOf(made)))
      return answerOf(requested)
    },
  })
}

function answerOf({ link, view }: Requested) {
  return { status: 202, body: statusOf(link, view), headers: { location: `/v1/privacy/export/${link}` } } as const
}
