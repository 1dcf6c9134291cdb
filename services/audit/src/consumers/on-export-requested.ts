import { answer, type Handler } from '@csr/messaging/consume'
import type { ContributionStore } from '../store/contribution-store.ts'

type Deps = { readonly contributions: ContributionStore }

/** Answers with the records of the log that name the person. */
export function onExportRequested({ contributions }: Deps): Handler {
  return answer('privacy.export.requested', contributions.contribute)
}
