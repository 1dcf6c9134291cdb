import { isIP } from 'node:net'
import { readSettings, replicaAddresses, settingFields } from '@csr/runtime/settings'
import { z } from 'zod'
import { checkSignInSettings, signInSettings } from './sign-in/provider-settings.ts'

const wholeNumber = (least: number, most: number) => z.coerce.number().int().min(least).max(most)

const isOrigin = (text: string): boolean => URL.canParse(text) && new URL(text).origin === text

const isNetwork = (text: string): boolean => {
  const [address = '', bits] = text.split('/')
  const most = { 0: -1, 4: 32, 6: 128 }[isIP(address)] ?? -1
  return most >= 0 && (bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= most))
}

/** What the gateway reads from its environment. */
export const gatewaySettings = z
  .object({
    ...settingFields,
    GATEWAY_SIGNING_KEY_FILE: z
      .string()
      .min(1)
      .meta({ description: 'private JWK of set-up: the first key that signs access tokens' }),
    GATEWAY_SIGNING_KEY_DAYS: wholeNumber(1, 400)
      .default(30)
      .meta({ description: 'a key signs this long before the next one takes over' }),
    GATEWAY_SIGNING_KEY_LEAD_SECONDS: wholeNumber(15, 86_400)
      .default(60)
      .meta({ description: 'a key is published this long before its first use; verifiers read keys every 10 s' }),
    GATEWAY_SESSION_IDLE_MINUTES: wholeNumber(1, 1_440)
      .default(30)
      .meta({ description: 'a browser session that is not used this long ends' }),
    GATEWAY_SESSION_HOURS: wholeNumber(1, 720)
      .default(12)
      .meta({ description: 'a browser session ends after this long, however much it is used' }),
    GATEWAY_APPLICATION_IDLE_DAYS: wholeNumber(1, 90)
      .default(7)
      .meta({ description: 'refresh tokens of an application that are not used this long end' }),
    GATEWAY_APPLICATION_DAYS: wholeNumber(1, 365)
      .default(30)
      .meta({ description: 'refresh tokens of an application end this long after the sign-in' }),
    GATEWAY_CLOSURE_DAYS: wholeNumber(1, 365).default(30).meta({
      description: 'a tenant that is asked to close does so after this long; until then that can be taken back',
    }),
    GATEWAY_ORIGINS: z
      .string()
      .transform((list) => list.split(',').map((text) => text.trim()))
      .refine((list) => list.every(isOrigin), 'must be origins such as https://csr.example.org, separated by commas')
      .optional()
      .meta({ description: 'origins whose pages may use cookies here; its own loopback addresses unless told' }),
    GATEWAY_TLS_CERTIFICATE_FILE: z
      .string()
      .min(1)
      .optional()
      .meta({ description: 'certificate with its chain (PEM): the gateway serves HTTPS; both files or none' }),
    GATEWAY_TLS_KEY_FILE: z.string().min(1).optional().meta({ description: 'key of the certificate (PEM)' }),
    GATEWAY_METRICS_PORT: z.coerce
      .number()
      .int()
      .min(0)
      .max(65_535)
      .meta({ description: 'port of the metrics, on loopback only' }),
    GATEWAY_LIMIT_ANONYMOUS_PER_MINUTE: wholeNumber(1, 1_000_000)
      .default(100)
      .meta({ description: 'requests a minute of one client without an accepted token' }),
    GATEWAY_LIMIT_USER_PER_MINUTE: wholeNumber(1, 1_000_000)
      .default(500)
      .meta({ description: 'requests a minute of one user or machine' }),
    GATEWAY_LIMIT_SIGN_IN_PER_MINUTE: wholeNumber(1, 1_000_000)
      .default(10)
      .meta({ description: 'steps of a sign-in a minute of one client' }),
    GATEWAY_LIMIT_WEBHOOK_ENDPOINT_PER_SECOND: wholeNumber(1, 1_000_000)
      .default(3_000)
      .meta({ description: 'signed webhooks a second for one endpoint' }),
    GATEWAY_LIMIT_STORE_URL: z
      .url({ protocol: /^rediss?$/ })
      .optional()
      .meta({ description: 'Valkey or Redis that counts for all gateways; each counts alone unless told' }),
    GATEWAY_REPLICAS: wholeNumber(1, 1_000)
      .default(1)
      .meta({ description: 'how many gateways there are: without the shared store each allows its part of a limit' }),
    GATEWAY_TRUSTED_PROXIES: z
      .string()
      .transform((list) => list.split(',').map((text) => text.trim()))
      .refine((list) => list.every(isNetwork), 'must be addresses or networks such as 10.0.0.0/8, separated by commas')
      .default([])
      .meta({
        description: 'proxies in front of the gateway, whose X-Forwarded-For and -Proto are believed; none unless told',
      }),
    GATEWAY_FIREWALL_MODE: z
      .enum(['block', 'observe'])
      .default('block')
      .meta({ description: 'observe counts what looks like an attack and lets it pass' }),
    GATEWAY_FIREWALL_EXCLUSIONS_FILE: z
      .string()
      .min(1)
      .optional()
      .meta({ description: 'JSON file of rules that do not count in a field of a route, until a day' }),
    PROFILE_URL: replicaAddresses('where profile answers'),
    INGEST_URL: replicaAddresses('where ingest answers'),
    Q2Q_URL: replicaAddresses('where q2q answers'),
    SAFETY_URL: replicaAddresses('where safety answers'),
    PRIVACY_URL: replicaAddresses('where privacy answers'),
    AUDIT_URL: replicaAddresses('where audit answers'),
    ...signInSettings,
  })
  .superRefine(checkSignInSettings)
  .refine((given) => !given.GATEWAY_TLS_CERTIFICATE_FILE === !given.GATEWAY_TLS_KEY_FILE, {
    path: ['GATEWAY_TLS_KEY_FILE'],
    message: 'is given with GATEWAY_TLS_CERTIFICATE_FILE, or neither is',
  })

export type GatewaySettings = z.output<typeof gatewaySettings>

export function readGatewaySettings(environment: Readonly<Record<string, string | undefined>>): GatewaySettings {
  return readSettings(gatewaySettings, environment)
}
