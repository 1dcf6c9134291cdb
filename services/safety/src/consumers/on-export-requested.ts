import type { Contributions } from '@csr/keyring/contribute-export'
import { answer, type Handler } from '@csr/messaging/consume'

type Deps = { readonly contributions: Contributions<'safety'> }

/** Answers with the screenings of the person’s texts, and the texts that wait for a person to decide. */
export function onExportRequested({ contributions }: Deps): Handler {
  return answer('privacy.export.requested', contributions.contribute)
}
