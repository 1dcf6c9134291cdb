import { createHmac } from 'node:crypto'

/** What ties the answer of a provider to the browser that asked. */
export type SignInSecrets = {
  readonly state: string
  readonly nonce: string
  /** PKCE (RFC 7636) */
  readonly codeVerifier: string
}

/** How long a person may take at the provider. */
export const pendingForSeconds = 600

const secretForm = /^[A-Za-z0-9_-]{43}$/

/** 256 bits as base64url, as the ids port makes them: a `state`, or the cookie of a browser. */
export function isSecret(text: string | null | undefined): text is string {
  return typeof text === 'string' && secretForm.test(text)
}

/**
 * Nonce and verifier are derived from the browser's cookie and the state, so that they are in no database and another
 * browser, which has another cookie, arrives at others.
 */
export function secretsOf(browser: string, state: string): SignInSecrets {
  const derive = (purpose: string): string =>
    createHmac('sha256', browser).update(`${purpose}\n${state}`).digest('base64url')
  return { state, nonce: derive('nonce'), codeVerifier: derive('code verifier') }
}
