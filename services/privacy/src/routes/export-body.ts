import type { ExportStatus } from '@csr/contracts/http/privacy'
import { services } from '@csr/contracts/services'
import type { ExportView } from '../store/export-store.ts'

/** How far an export is, under its link. Once it is ready every service has answered. */
export function statusOf(
  link: string,
  { state, requestedAt, dueAt, expiresAt, contributed }: ExportView,
): ExportStatus {
  const arrived = state === 'collecting' ? [...contributed] : [...services]
  const missing = services.filter((service) => !arrived.includes(service))
  return { id: link, state, requestedAt, dueAt, expiresAt, contributed: arrived, missing }
}
