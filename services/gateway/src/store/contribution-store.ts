import { createEvent } from '@csr/contracts/events/create-event'
import type { EventOf } from '@csr/contracts/events/catalog'
import { splitExport } from '@csr/contracts/events/export-parts'

type ExportRequested = EventOf<'privacy.export.requested.v1'>

export interface ContributionStore {
  /** one part that says that nothing is held: tenants and refusals name no person */
  contribute(tenantId: string, request: ExportRequested): Promise<EventOf<'gateway.export.contributed.v1'>[]>
}

type Deps = { readonly stamp: () => { readonly id: string; readonly time: string } }

export function createContributionStore({ stamp }: Deps): ContributionStore {
  return {
    async contribute(tenantId, request) {
      const { exportId, subjectId } = request.data
      const about = { ...stamp(), tenantId, subject: subjectId, causationId: request.id }
      const texts = splitExport({ accounts: [] })
      return texts.map((content, index) =>
        createEvent('gateway.export.contributed.v1', about, {
          ...{ exportId, subjectId, content },
          ...{ part: index + 1, parts: texts.length },
        }),
      )
    },
  }
}
