/**
 * Who somebody is, as a provider said it and the sign-in protocol verified it: signature, issuer, audience, nonce, state
 * and the allow-lists of our own application are checked by then. What it gives (a session, a membership, nothing) is
 * decided by `SignInSessions`, never here.
 */
export type VerifiedIdentity = {
  /** name of the provider in our settings: `google`, `azure` */
  readonly provider: string
  /** `iss` of the ID token; with `subject` it names the account. E-mail never does */
  readonly issuer: string
  /** `sub` of the ID token */
  readonly subject: string
  readonly email: string | null
  /** what the provider says; a tenant's domain counts only where it is true */
  readonly emailVerified: boolean
  readonly name: string | null
  /** Entra: the directory the account belongs to */
  readonly tid: string | null
  /** Google: the hosted domain; private accounts have none */
  readonly hd: string | null
  readonly acr: string | null
  readonly amr: readonly string[]
  /** when our code flow was completed, by our clock (RFC 3339, UTC) */
  readonly authenticatedAt: string
}

/** What is known of the request that completes or fails a sign-in. */
export type SignInRequest = {
  readonly requestId: string
  readonly clientAddress: string
  /** its cookies: the session a fresh sign-in replaces */
  readonly headers: { readonly cookie?: string | undefined }
}

/** `cookies` are whole values of `Set-Cookie` headers; they are sent along with whatever is answered. */
export type SignInOutcome =
  | { readonly outcome: 'opened'; readonly cookies: readonly string[] }
  /**
   * The person is known to no tenant. No session; a cookie that lives for minutes and opens one route only,
   * `POST /v1/auth/invitations/{token}`. Answered with 403 `membership-missing`, or where the person was on the way to the
   * invitation page, with the way back to it.
   */
  | { readonly outcome: 'invitation-needed'; readonly cookies: readonly string[] }
  | { readonly outcome: 'refused'; readonly code: 'membership-missing' | 'second-factor-missing' | 'tenant-suspended' }

/** What happens after a verified identity; implemented in `sessions/`, called by the routes of sign-in. */
export interface SignInSessions {
  /**
   * Finds or makes the account of (issuer, subject), joins it to the tenants whose verified domain it has, opens a session
   * with a new id and ends the one that came along. Publishes `gateway.login.succeeded`, or `gateway.login.failed` where
   * it refuses. Throws what the database throws: the door answers 503.
   */
  open(identity: VerifiedIdentity, request: SignInRequest): Promise<SignInOutcome>
  /** Takes note of a sign-in that never came to an identity; `code` says why. The answer does not wait for its record. */
  failed(failure: { readonly provider: string; readonly code: string }, request: SignInRequest): void
}
