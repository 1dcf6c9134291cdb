import type { Contributions } from '@csr/keyring/contribute-export'
import { answer, type Handler } from '@csr/messaging/consume'

type Deps = { readonly contributions: Contributions<'q2q'> }

/** Answers with the outcomes of the person, their texts and evidence. */
export function onExportRequested({ contributions }: Deps): Handler {
  return answer('privacy.export.requested', contributions.contribute)
}
