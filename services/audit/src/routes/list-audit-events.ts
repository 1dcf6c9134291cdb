import { listAuditEvents } from '@csr/contracts/http/audit'
import { ProblemError } from '@csr/http/problem'
import { route, type Route } from '@csr/http/route'
import type { LogStore } from '../store/log-store.ts'

type Deps = { readonly log: Pick<LogStore, 'list'> }

export function listAuditEventsRoute({ log }: Deps): Route {
  return route({
    ...listAuditEvents,
    async handle({ principal, query: { cursor, limit } }) {
      const records = await log.list(principal.tenantId, { before: sequenceOf(cursor), limit: limit + 1 })
      const items = records.slice(0, limit)
      const last = items.at(-1)
      return { status: 200, body: { items, nextCursor: records.length > limit && last ? String(last.sequence) : null } }
    },
  })
}

function sequenceOf(cursor: string | undefined): number | null {
  if (cursor === undefined) return null
  if (!/^[1-9][0-9]{0,14}$/.test(cursor)) {
    throw new ProblemError('parameter-invalid', {
      errors: [{ pointer: 'parameter:cursor', detail: 'is no cursor of this list' }],
    })
  }
  return Number(cursor)
}
