import { on, type Handler } from '@csr/messaging/consume'
import type { ImportStore } from '../store/import-store.ts'

type Deps = { readonly imports: Pick<ImportStore, 'abandon'> }

/** Files of a tenant that is closed are not worked off: nobody may ask what became of them. */
export function onTenantClosed({ imports }: Deps): Handler {
  return on('gateway.tenant.closed', async () => ({ statements: imports.abandon(), events: [] }))
}
