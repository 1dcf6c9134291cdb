import { on, type Handler } from '@csr/messaging/consume'
import type { ContributionStore } from '../store/contribution-store.ts'

type Deps = { readonly contributions: ContributionStore }

/** Answers with the accounts that are bound to the person. */
export function onExportRequested({ contributions }: Deps): Handler {
  return on('privacy.export.requested', async (tenantId, requests) => {
    const answers = await Promise.all(requests.map((request) => contributions.contribute(tenantId, request)))
    return { statements: [], events: answers.flat() }
  })
}
