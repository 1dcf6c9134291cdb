import { platformTenantId } from '@csr/contracts/services'
import type { Keyring } from '@csr/keyring/keyring'
import { on, type Handler } from '@csr/messaging/consume'

type Deps = { readonly keyring: Pick<Keyring, 'destroyKeys'> }

/**
 * Destroys the keys under which messages nobody could read were sealed. Copies of them in outboxes, streams and backups
 * of data are unreadable from then on. Repeating it finds nothing left.
 */
export function onDeadLetterForgotten({ keyring }: Deps): Handler {
  return on('audit.dead-letter.forgotten', async (_tenantId, events) => {
    const ids = events.map(({ subject }) => subject)
    await keyring.destroyKeys(platformTenantId, ids)
    return { statements: [], events: [] }
  })
}
