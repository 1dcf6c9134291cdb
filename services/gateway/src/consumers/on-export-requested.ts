import type { Contributions } from '@csr/keyring/contribute-export'
import { answer, type Handler } from '@csr/messaging/consume'

type Deps = { readonly contributions: Contributions<'gateway'> }

/** Answers with the accounts that are bound to the person. */
export function onExportRequested({ contributions }: Deps): Handler {
  return answer('privacy.export.requested', contributions.contribute)
}
