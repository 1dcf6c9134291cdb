import type { Tier } from '@csr/http/limits'
import type { GatewaySettings } from '../settings.ts'

/** How many in which time. */
export type Policy = { readonly limit: number; readonly windowMs: number }

const minuteMs = 60_000
const secondMs = 1_000

/** The one table of limits: who counts as what is decided where a request is admitted. */
export function policiesOf(settings: GatewaySettings): Readonly<Record<Tier, Policy>> {
  return {
    anonymous: { limit: settings.GATEWAY_LIMIT_ANONYMOUS_PER_MINUTE, windowMs: minuteMs },
    user: { limit: settings.GATEWAY_LIMIT_USER_PER_MINUTE, windowMs: minuteMs },
    'sign-in': { limit: settings.GATEWAY_LIMIT_SIGN_IN_PER_MINUTE, windowMs: minuteMs },
    endpoint: { limit: settings.GATEWAY_LIMIT_WEBHOOK_ENDPOINT_PER_SECOND, windowMs: secondMs },
  }
}
