import { randomBytes } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import type { StackPorts } from '../ports.ts'
import { localClientId, localIssuers } from './addresses.ts'
import { demoDirectories } from './demo-people.ts'

type Around = {
  readonly mode: 'development' | 'production'
  readonly ports: Pick<StackPorts, 'services' | 'identityProviders'>
  /** the supervisor's own environment */
  readonly outside: Environment
}
type Environment = Readonly<Record<string, string | undefined>>

/** One for each life of the supervisor: both sides get it at their start. Production mode refuses secrets of this form. */
const clientSecret = `development-${randomBytes(24).toString('base64url')}`

export const identityProvidersMain = fileURLToPath(new URL('./main.ts', import.meta.url))

/** Where the local providers answer. */
export function identityProvidersUrl({ ports }: Pick<Around, 'ports'>): string {
  return `http://127.0.0.1:${ports.identityProviders}`
}

/** Where browsers reach the gateway: its first replica. */
const gatewayUrl = ({ services }: Around['ports']): string => `http://127.0.0.1:${services.gateway[0]}`

/** The environment of their process. */
export function identityProvidersEnvironment({ mode, ports, outside }: Around): Environment {
  return {
    PATH: outside['PATH'],
    CSR_MODE: mode,
    CSR_CLOCK_OFFSET_SECONDS: outside['CSR_CLOCK_OFFSET_SECONDS'],
    PORT: String(ports.identityProviders),
    GATEWAY_URL: gatewayUrl(ports),
    IDENTITY_CLIENT_SECRET: clientSecret,
  }
}

/**
 * What the gateway is told of its providers: applications of the one who starts the stack, where there are any; in
 * development mode otherwise the local ones.
 */
export function signInEnvironment(around: Around): Environment {
  const { mode, ports, outside } = around
  const given = Object.fromEntries(Object.entries(outside).filter(([name]) => /^(GOOGLE|AZURE)_/.test(name)))
  if (mode === 'production') return given
  const issuers = localIssuers(identityProvidersUrl(around))
  const callback = (name: string): string => `${gatewayUrl(ports)}/v1/auth/callback/${name}`
  return {
    ...(!given['GOOGLE_CLIENT_ID'] && {
      GOOGLE_ISSUER: issuers.google,
      GOOGLE_CLIENT_ID: localClientId.google,
      GOOGLE_CLIENT_SECRET: clientSecret,
      GOOGLE_REDIRECT_URI: callback('google'),
      GOOGLE_ALLOWED_DOMAINS: '*',
    }),
    ...(!given['AZURE_CLIENT_ID'] && {
      AZURE_ISSUER: issuers.azure('common'),
      AZURE_CLIENT_ID: localClientId.azure,
      AZURE_CLIENT_SECRET: clientSecret,
      AZURE_REDIRECT_URI: callback('azure'),
      AZURE_ALLOWED_TENANTS: demoDirectories.join(','),
    }),
    ...given,
  }
}

/** The issuers of the local providers, as `stack.json` names them; Entra’s is the one of the demo company. */
export function identityProviders(around: Around): Readonly<Record<string, { readonly issuer: string }>> {
  if (around.mode === 'production') return {}
  const { google, azureOfCompany } = localIssuers(identityProvidersUrl(around))
  return { google: { issuer: google }, azure: { issuer: azureOfCompany } }
}
