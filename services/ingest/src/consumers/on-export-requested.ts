import type { Contributions } from '@csr/keyring/contribute-export'
import { answer, type Handler } from '@csr/messaging/consume'

type Deps = { readonly contributions: Contributions<'ingest'> }

/** Answers with what partners have reported about the person. */
export function onExportRequested({ contributions }: Deps): Handler {
  return answer('privacy.export.requested', contributions.contribute)
}
