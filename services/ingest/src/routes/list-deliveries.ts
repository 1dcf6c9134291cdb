import { listDeliveries as operation, type Delivery } from '@csr/contracts/http/ingest'
import { route, type Route } from '@csr/http/route'
import type { ListedRow } from '../store/delivery-statements.ts'
import type { DeliveryStore } from '../store/delivery-store.ts'

type Deps = { readonly deliveries: Pick<DeliveryStore, 'list'> }

export function listDeliveries({ deliveries }: Deps): Route {
  return route({
    ...operation,
    async handle({ principal, query: { cursor = null, limit } }) {
      const rows = await deliveries.list(principal.tenantId, { before: cursor, limit: limit + 1 })
      const items = rows.slice(0, limit).map(toDelivery)
      return { status: 200, body: { items, nextCursor: rows.length > limit ? (items.at(-1)?.id ?? null) : null } }
    },
  })
}

function toDelivery(row: ListedRow): Delivery {
  const { id, partner, outcome, kind } = row
  return {
    ...{ id, endpointId: row.endpoint_id, partner, outcome, kind, receivedAt: row.received_at },
    ...(row.duplicate_of && { duplicateOf: row.duplicate_of }),
    ...(row.reasons && { reasons: row.reasons }),
  }
}
