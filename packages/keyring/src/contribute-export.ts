import type { EventOf } from '@csr/contracts/events/catalog'
import { createEvent } from '@csr/contracts/events/create-event'
import { eventPlace } from '@csr/contracts/events/event-place'
import { splitExport, type Held } from '@csr/contracts/events/export-parts'
import type { Keys } from './keys.ts'

/** Services that hold personal data, and so answer a request for export with sealed parts. */
export type Contributor = 'ingest' | 'profile' | 'q2q' | 'safety'

type ExportRequested = EventOf<'privacy.export.requested.v1'>
type ExportContributed = EventOf<`${Contributor}.export.contributed.v1`>

/** The answer of a service to a request for export: what it holds about the person, in parts sealed for that person. */
export function contributeExport(
  service: Contributor,
  request: ExportRequested,
  held: Held,
  { keys, stamp }: { readonly keys: Keys; readonly stamp: () => { readonly id: string; readonly time: string } },
): ExportContributed[] {
  const { exportId, subjectId } = request.data
  const type = `${service}.export.contributed.v1` as const
  const texts = splitExport(held)
  return texts.map((text, index) => {
    const about = { ...stamp(), tenantId: request.tenantid, subject: subjectId, causationId: request.id }
    const content = keys.seal(subjectId, eventPlace({ type, id: about.id }, 'content'), text)
    return createEvent(type, about, { exportId, subjectId, part: index + 1, parts: texts.length, content })
  })
}
