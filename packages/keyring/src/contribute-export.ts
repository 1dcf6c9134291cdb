import type { EventOf } from '@csr/contracts/events/catalog'
import { createEvent } from '@csr/contracts/events/create-event'
import { eventPlace } from '@csr/contracts/events/event-place'
import { splitExport, type Held } from '@csr/contracts/events/export-parts'
import type { Keyring } from './keyring.ts'
import type { Keys } from './keys.ts'

/** Services that hold personal data, and so answer a request for export with sealed parts. */
export type Contributor = 'gateway' | 'ingest' | 'profile' | 'q2q' | 'safety'

type ExportRequested = EventOf<'privacy.export.requested.v1'>

/** All carry the same data; that of the gateway declares its content as any text. */
type Sealed = `${Exclude<Contributor, 'gateway'>}.export.contributed.v1`

/** The part of a service in the exports of people. */
export interface Contributions<S extends Contributor> {
  /** what the service holds about the person, as events to publish; none where the person is erased */
  contribute(tenantId: string, request: ExportRequested): Promise<EventOf<`${S}.export.contributed.v1`>[]>
}

export type ContributionDeps = {
  readonly keyring: Pick<Keyring, 'load'>
  /** id and time of the next event */
  readonly stamp: () => { readonly id: string; readonly time: string }
}

type Options = ContributionDeps & {
  /** what the service holds about a person, opened with that person's keys */
  readonly read: (tenantId: string, subjectId: string, keys: Keys) => Promise<Held>
}

/** Answers requests for export with what `read` finds, in parts that are sealed for the person. */
export function createContributions<S extends Contributor>(
  service: S,
  { keyring, stamp, read }: Options,
): Contributions<S> {
  const type = `${service}.export.contributed.v1` as const
  return {
    async contribute(tenantId, request) {
      const { exportId, subjectId } = request.data
      const keys = await keyring.load(tenantId, [subjectId])
      if (keys.erased(subjectId)) return []
      const texts = splitExport(await read(tenantId, subjectId, keys))
      return texts.map((text, index) => {
        const about = { ...stamp(), tenantId, subject: subjectId, causationId: request.id }
        const content = keys.seal(subjectId, eventPlace({ type, id: about.id }, 'content'), text)
        const part = { exportId, subjectId, part: index + 1, parts: texts.length, content }
        return createEvent(type as Sealed, about, part) as EventOf<typeof type>
      })
    },
  }
}
