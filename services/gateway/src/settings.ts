import { readSettings, settingFields } from '@csr/runtime/settings'
import { z } from 'zod'

const serviceUrl = (service: string) =>
  z
    .url({ protocol: /^https?$/ })
    .refine((url) => URL.canParse(url) && new URL(url).pathname === '/', 'must be an address without a path')
    .meta({ description: `where ${service} answers` })

/** What the gateway reads from its environment. */
export const gatewaySettings = z.object({
  ...settingFields,
  ACCESS_TOKEN_ISSUER: z
    .string()
    .min(1)
    .max(200)
    .default('csr-backbone')
    .meta({ description: 'issuer of access tokens' }),
  GATEWAY_SIGNING_KEY_FILE: z.string().min(1).meta({ description: 'private JWK that signs access tokens' }),
  GATEWAY_METRICS_PORT: z.coerce
    .number()
    .int()
    .min(0)
    .max(65_535)
    .meta({ description: 'port of the metrics, on loopback only' }),
  PROFILE_URL: serviceUrl('profile'),
  INGEST_URL: serviceUrl('ingest'),
  Q2Q_URL: serviceUrl('q2q'),
  SAFETY_URL: serviceUrl('safety'),
  PRIVACY_URL: serviceUrl('privacy'),
  AUDIT_URL: serviceUrl('audit'),
})

export type GatewaySettings = z.output<typeof gatewaySettings>

export function readGatewaySettings(environment: Readonly<Record<string, string | undefined>>): GatewaySettings {
  return readSettings(gatewaySettings, environment)
}
