import { z } from 'zod'
import { isReturnPath } from '../domain/return-path.ts'

/** Loopback cannot be listened to from outside; anything else needs TLS, and in production mode loopback does too. */
const address = z
  .url({ protocol: /^https?$/ })
  .refine((text) => isPlainAddress(text), 'must be an https:// address without query, fragment and credentials')

function isPlainAddress(text: string): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, hostname, username, password, search, hash } = new URL(text)
  const isLoopback = hostname === '127.0.0.1' || hostname === 'localhost' || hostname === '[::1]'
  return (protocol === 'https:' || isLoopback) && !username && !password && !search && !hash
}

const listOf = (entry: RegExp, what: string) =>
  z
    .string()
    .transform((list) =>
      list
        .toLowerCase()
        .split(',')
        .map((text) => text.trim()),
    )
    .refine(
      (list) => isStar(list) || list.every((text) => entry.test(text)),
      `must be * or ${what}, separated by commas`,
    )
    .transform((list) => (isStar(list) ? ('any' as const) : list))
    .optional()

const isStar = (list: readonly string[]): boolean => list.length === 1 && list[0] === '*'

/** A GUID, as Entra writes directory ids. */
export const directoryForm = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
export const domainForm =
  /^(?=.{4,253}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)+$/

/** Five settings per provider; without a client id the provider is not offered. */
export const signInSettings = {
  GOOGLE_ISSUER: address.default('https://accounts.google.com').meta({ description: 'issuer of Google’s ID tokens' }),
  GOOGLE_CLIENT_ID: z
    .string()
    .max(200)
    .optional()
    .meta({ description: 'client id at Google; without it Google is not offered' }),
  GOOGLE_CLIENT_SECRET: z.string().min(16).max(500).optional().meta({ description: 'client secret at Google' }),
  GOOGLE_REDIRECT_URI: address
    .optional()
    .meta({ description: 'this gateway’s `/v1/auth/callback/google` as browsers reach it' }),
  GOOGLE_ALLOWED_DOMAINS: listOf(domainForm, 'domains').meta({
    description: 'hosted domains that may sign in; `*`: any, and private accounts with an invitation',
  }),
  AZURE_ISSUER: address.default('https://login.microsoftonline.com/organizations/v2.0').meta({
    description: 'issuer of Entra: of one directory, or the shared one of `organizations` or `common`',
  }),
  AZURE_CLIENT_ID: z
    .string()
    .max(200)
    .optional()
    .meta({ description: 'client id at Entra; without it Entra is not offered' }),
  AZURE_CLIENT_SECRET: z.string().min(16).max(500).optional().meta({ description: 'client secret at Entra' }),
  AZURE_REDIRECT_URI: address
    .optional()
    .meta({ description: 'this gateway’s `/v1/auth/callback/azure` as browsers reach it' }),
  AZURE_ALLOWED_TENANTS: listOf(directoryForm, 'directory ids').meta({
    description: 'ids of the directories that may sign in; `*`: any, and those with an invitation',
  }),
  GATEWAY_RETURN_PATHS: z
    .string()
    .default('/docs,/v1/me')
    .transform((list) => list.split(',').map((text) => text.trim()))
    .refine((list) => list.every(isReturnPath), 'must be plain paths, separated by commas')
    .meta({
      description:
        'where a browser may go after sign-in, the first unless told; an entry that ends in / stands for all below',
    }),
  GATEWAY_INVITATION_PATH: z
    .string()
    .default('/invitation')
    .refine(isReturnPath, 'must be a plain path')
    .meta({ description: 'page where invitations are accepted; after sign-in open to who is no member yet' }),
} as const

type SignInSettings = z.output<z.ZodObject<typeof signInSettings>> & { readonly CSR_MODE: 'development' | 'production' }

/** One application at one provider. */
export type ProviderSettings = {
  readonly issuer: string
  readonly clientId: string
  readonly clientSecret: string
  readonly redirectUri: string
  /** domains at Google, directories at Entra */
  readonly allowed: 'any' | readonly string[]
}

/** Secrets of this form are made by `npm start` for its own providers. */
export const developmentSecretPrefix = 'development-'

/** What no schema of a single setting can say: all five or none, the callback's path, and what production mode refuses. */
export function checkSignInSettings(settings: SignInSettings, context: z.RefinementCtx): void {
  const refuse = (name: string, message: string): void => context.addIssue({ code: 'custom', path: [name], message })
  for (const [provider, names] of Object.entries(settingNames)) {
    if (settings[names.clientId] === undefined) continue
    for (const name of Object.values(names)) if (settings[name] === undefined) refuse(name, 'is missing')
    const redirectUri = settings[names.redirectUri]
    const path = `/v1/auth/callback/${provider}`
    if (redirectUri !== undefined && URL.canParse(redirectUri) && new URL(redirectUri).pathname !== path)
      refuse(names.redirectUri, `must end in ${path}`)
    if (settings.CSR_MODE !== 'production') continue
    for (const name of [names.issuer, names.redirectUri]) {
      if (settings[name]?.startsWith('http:')) refuse(name, 'must be an https:// address in production mode')
    }
    if (settings[names.clientSecret]?.startsWith(developmentSecretPrefix)) {
      refuse(names.clientSecret, 'is a development secret, which production mode refuses')
    }
  }
}

const settingNames = {
  google: {
    issuer: 'GOOGLE_ISSUER',
    clientId: 'GOOGLE_CLIENT_ID',
    clientSecret: 'GOOGLE_CLIENT_SECRET',
    redirectUri: 'GOOGLE_REDIRECT_URI',
    allowed: 'GOOGLE_ALLOWED_DOMAINS',
  },
  azure: {
    issuer: 'AZURE_ISSUER',
    clientId: 'AZURE_CLIENT_ID',
    clientSecret: 'AZURE_CLIENT_SECRET',
    redirectUri: 'AZURE_REDIRECT_URI',
    allowed: 'AZURE_ALLOWED_TENANTS',
  },
} as const

export type ProviderName = keyof typeof settingNames
export const providerNames = Object.keys(settingNames) as readonly ProviderName[]

/** The application at a provider, or null where it is not offered; `checkSignInSettings` has passed. */
export function providerSettings(provider: ProviderName, settings: SignInSettings): ProviderSettings | null {
  const names = settingNames[provider]
  const clientId = settings[names.clientId]
  if (clientId === undefined) return null
  return {
    clientId,
    issuer: settings[names.issuer],
    clientSecret: settings[names.clientSecret] ?? '',
    redirectUri: settings[names.redirectUri] ?? '',
    allowed: settings[names.allowed] ?? [],
  }
}
