import type { Limits } from '@csr/http/limits'
import { platformTenantId } from '@csr/contracts/services'
import type { Keyring } from '@csr/keyring/keyring'
import type { Clock } from '@csr/runtime/clock'
import type { Resource } from '@csr/runtime/lifecycle'
import type { GatewaySettings } from '../settings.ts'
import type { GatewayTelemetry } from '../telemetry.ts'
import { createLimits } from './limits.ts'
import { openSharedCounts } from './shared-counts.ts'
import { policiesOf } from './tiers.ts'

type Deps = {
  readonly settings: GatewaySettings
  readonly keyring: Pick<Keyring, 'fingerprint'>
  readonly clock: Clock
  readonly telemetry: Pick<GatewayTelemetry, 'limited' | 'limitsAlone'>
}

/** The limits of this gateway, and the connection to the store it shares with others, if there is one. */
export function openLimits({ settings, keyring, clock, telemetry }: Deps): { limits: Limits; resources: Resource[] } {
  const url = settings.GATEWAY_LIMIT_STORE_URL
  const mark = (key: string): string => keyring.fingerprint(platformTenantId, 'limits', key)
  const shared = url === undefined ? null : openSharedCounts({ url, mark })
  const limits = createLimits({
    ...{ policies: policiesOf(settings), clock, shared, replicas: settings.GATEWAY_REPLICAS },
    refused: telemetry.limited,
    storeLost: telemetry.limitsAlone,
  })
  return { limits, resources: shared ? [shared] : [] }
}
