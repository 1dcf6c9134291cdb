import { platformTenantId } from '@csr/contracts/services'
import type { Keyring } from '@csr/keyring/keyring'
import { on, type Handler } from '@csr/messaging/consume'
import { tenantErased, type Stamp } from '../events.ts'

type Deps = {
  readonly keyring: Pick<Keyring, 'eraseTenant' | 'destroyKeys'>
  readonly stamp: () => Stamp
}

/**
 * Destroys every key of a closed tenant, and those of accounts that were members of nothing else: whatever they sealed, in
 * any table, stream or backup of data, is unreadable from then on. Repeating it finds nothing left.
 */
export function onTenantErasureDue({ keyring, stamp }: Deps): Handler {
  return on('gateway.tenant-erasure.due', async (tenantId, events) => {
    await keyring.destroyKeys(
      platformTenantId,
      events.flatMap(({ data }) => data.accountIds),
    )
    const keys = await keyring.eraseTenant(tenantId)
    return {
      statements: [],
      events: events.map(({ id }) => tenantErased({ tenantId, keys, causationId: id }, stamp())),
    }
  })
}
