import { decodeJwt } from 'jose'
import * as openid from 'openid-client'
import { claimRefusals } from './id-token.ts'
import type { LimitedFetch } from './limited-fetch.ts'
import type { SignInSecrets } from './pending-sign-in.ts'
import { directoryTemplate, type ProviderMetadata } from './provider-metadata.ts'
import { ProviderUnavailable, SignInRefusal, SignInRefused } from './sign-in-refusal.ts'

type Redeeming = {
  readonly metadata: ProviderMetadata
  readonly configure: (metadata: ProviderMetadata, ask: LimitedFetch) => openid.Configuration
  readonly fetch: LimitedFetch
  issuerOf(metadata: ProviderMetadata, tid: unknown): string
}

/**
 * Checks the response and redeems its code. openid-client holds everything against one issuer; where the metadata has
 * only a template, the answer of the token endpoint is read ahead for the directory it names. That chooses the issuer and
 * proves nothing: response and token are then held against it.
 */
export async function redeemCode(
  url: URL,
  secrets: SignInSecrets,
  { metadata, configure, fetch, issuerOf }: Redeeming,
): Promise<{ readonly idToken: string; readonly issuer: string }> {
  let answer: Response | undefined
  const askOnce: LimitedFetch = async (address, init) => (answer ??= await fetch(address, init)).clone()
  const grant = (of: ProviderMetadata, response: URL) =>
    openid.authorizationCodeGrant(configure(of, askOnce), response, {
      expectedState: secrets.state,
      expectedNonce: secrets.nonce,
      pkceCodeVerifier: secrets.codeVerifier,
      idTokenExpected: true,
    })
  try {
    const responseIssuer = url.searchParams.get('iss')
    if (!mayAnswer(responseIssuer, metadata, issuerOf)) throw new SignInRefused(SignInRefusal.issuerWrong)
    let { issuer } = metadata
    if (issuer.includes(directoryTemplate)) {
      const ahead = new URL(url)
      ahead.searchParams.delete('iss')
      await grant({ ...metadata, authorization_response_iss_parameter_supported: false }, ahead).catch(
        (error: unknown) => {
          if (answer === undefined) throw error
        },
      )
      const idToken = await idTokenIn(answer)
      if (idToken !== null) issuer = issuerOf(metadata, idToken['tid'])
      if (responseIssuer !== null && responseIssuer !== issuer) throw new SignInRefused(SignInRefusal.issuerWrong)
    }
    const { id_token: idToken } = await grant({ ...metadata, issuer }, url)
    if (idToken === undefined) throw new SignInRefused(SignInRefusal.answerMalformed)
    return { idToken, issuer }
  } catch (error) {
    throw refusedBecause(error, { answered: answer !== undefined })
  }
}

/** Whether a response may be of this provider (RFC 9207): asked before its code is sent anywhere. */
function mayAnswer(found: string | null, metadata: ProviderMetadata, issuerOf: Redeeming['issuerOf']): boolean {
  if (found === null) return metadata.authorization_response_iss_parameter_supported !== true
  const [before = '', after = ''] = metadata.issuer.split(directoryTemplate)
  return found === issuerOf(metadata, found.slice(before.length, found.length - after.length))
}

/** Claims of the ID token in an answer, unverified; null where there is none that can be read. */
async function idTokenIn(answer: Response | undefined): Promise<Readonly<Record<string, unknown>> | null> {
  const body: unknown = await answer
    ?.clone()
    .json()
    .catch(() => null)
  try {
    return decodeJwt((body as { readonly id_token: string }).id_token)
  } catch {
    return null
  }
}

/** What an error of openid-client means here. */
function refusedBecause(error: unknown, { answered }: { readonly answered: boolean }): Error {
  const chain = causesOf(error)
  const known = chain.find((cause) => cause instanceof SignInRefused || cause instanceof ProviderUnavailable)
  if (known) return known
  if (error instanceof openid.AuthorizationResponseError) return new SignInRefused(SignInRefusal.providerRefused, error)
  if (error instanceof openid.ResponseBodyError) return new SignInRefused(SignInRefusal.codeRefused, error)
  const claim = chain.map(({ cause }) => (cause as { readonly claim?: unknown } | undefined)?.claim).find(Boolean)
  if (typeof claim === 'string') return new SignInRefused(claimRefusals[claim] ?? SignInRefusal.tokenMalformed, error)
  if (!(error instanceof openid.ClientError || error instanceof TypeError)) return error as Error
  return new SignInRefused(answered ? SignInRefusal.answerMalformed : SignInRefusal.responseMalformed, error)
}

function causesOf(error: unknown): Error[] {
  const chain: Error[] = []
  for (let at = error; at instanceof Error && chain.length < 8; at = at.cause) chain.push(at)
  return chain
}
