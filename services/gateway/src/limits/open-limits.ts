import type { Limits } from '@csr/http/limits'
import { platformTenantId } from '@csr/contracts/services'
import type { Keyring } from '@csr/keyring/keyring'
import type { Clock } from '@csr/runtime/clock'
import type { Resource } from '@csr/runtime/lifecycle'
import type { GatewaySettings } from '../settings.ts'
import type { GatewayTelemetry } from '../telemetry.ts'
import { createLimits } from './limits.ts'
import { policiesOf } from './tiers.ts'

type Deps = {
  readonly settings: GatewaySettings
  readonly keyring: Pick<Keyring, 'fingerprint'>
  readonly clock: Clock
  readonly telemetry: Pick<GatewayTelemetry, 'limited' | 'limitsAlone'>
}

/** The limits of this gateway, and the connection to the store it shares with others, if there is one. */
export async function openLimits(deps: Deps): Promise<{ limits: Limits; resources: Resource[] }> {
  const { settings, clock, telemetry } = deps
  const shared = await openShared(deps)
  const limits = createLimits({
    ...{ policies: policiesOf(settings), clock, shared, replicas: settings.GATEWAY_REPLICAS },
    refused: telemetry.limited,
    storeLost: telemetry.limitsAlone,
  })
  return { limits, resources: shared ? [shared] : [] }
}

/** The client of the store is a tenth of a start: loaded only where there is a store. */
async function openShared({ settings, keyring }: Deps) {
  const url = settings.GATEWAY_LIMIT_STORE_URL
  if (url === undefined) return null
  const { openSharedCounts } = await import('./shared-counts.ts')
  return openSharedCounts({ url, mark: (key) => keyring.fingerprint(platformTenantId, 'limits', key) })
}
