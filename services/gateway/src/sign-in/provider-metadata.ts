import { z } from 'zod'
import type { LimitedFetch } from './limited-fetch.ts'
import { ProviderUnavailable } from './sign-in-refusal.ts'

/** What we rely on of a discovery document (OpenID Connect Discovery 1.0, section 3); the rest is not kept. */
const document = z.object({
  issuer: z.string().max(500),
  authorization_endpoint: z.url().max(500),
  token_endpoint: z.url().max(500),
  jwks_uri: z.url().max(500),
  end_session_endpoint: z.url().max(500).optional(),
  authorization_response_iss_parameter_supported: z.boolean().optional(),
})
export type ProviderMetadata = z.output<typeof document>

/** Entra's word for the directory in the issuer that all directories share. */
export const directoryTemplate = '{tenantid}'

/**
 * Reads the discovery document of an issuer. It has to name that issuer, or, where a provider shares one, the template
 * that becomes it. Endpoints are as safe as the issuer: over TLS unless the issuer itself is plain loopback.
 */
export async function discover(issuer: string, fetch: LimitedFetch): Promise<ProviderMetadata> {
  const answer = await fetch(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`)
  const found = document.safeParse(answer.status === 200 ? await answer.json().catch(() => null) : null)
  if (!found.success) throw new ProviderUnavailable('the discovery document is not one')
  const { data } = found
  if (!names(data.issuer, issuer)) throw new ProviderUnavailable('the discovery document is of another issuer')
  const { protocol } = new URL(issuer)
  for (const endpoint of [data.authorization_endpoint, data.token_endpoint, data.jwks_uri, data.end_session_endpoint]) {
    if (endpoint === undefined) continue
    const url = new URL(endpoint)
    const isSafe = url.protocol === 'https:' || (protocol === 'http:' && url.protocol === 'http:')
    if (!isSafe || url.username !== '' || url.password !== '') throw new ProviderUnavailable('an endpoint is not safe')
  }
  return data
}

function names(found: string, issuer: string): boolean {
  if (found === issuer) return true
  const [before = '', after = '', ...more] = found.split(directoryTemplate)
  if (!found.includes(directoryTemplate) || more.length > 0) return false
  const shared = ['common', 'organizations', 'consumers']
  return shared.some((word) => issuer === `${before}${word}${after}`)
}
