/** Why a sign-in was refused, for the audit log; who signs in is never told. */
export const SignInRefusal = {
  /** malformed, too long or there twice */
  responseMalformed: 'response-malformed',
  /** never started here, in another browser, for another provider, too long ago, or used already */
  stateUnknown: 'state-unknown',
  /** the provider answered with an error, for instance because the person declined */
  providerRefused: 'provider-refused',
  /** `iss` of the response or of the token is not this provider's */
  issuerWrong: 'issuer-wrong',
  /** the token endpoint did not accept the code */
  codeRefused: 'code-refused',
  /** the answer of the token endpoint is not one, or has no ID token */
  answerMalformed: 'answer-malformed',
  tokenMalformed: 'token-malformed',
  audienceWrong: 'audience-wrong',
  nonceWrong: 'nonce-wrong',
  algorithmWrong: 'algorithm-wrong',
  keyUnknown: 'key-unknown',
  signatureWrong: 'signature-wrong',
  /** expired, not valid yet, or issued in the future */
  timeWrong: 'time-wrong',
  /** the person was not asked anew although a fresh sign-in was wanted */
  notFresh: 'not-fresh',
  /** the directory or domain is not on the list of the settings */
  organisationNotAllowed: 'organisation-not-allowed',
  emailUnverified: 'email-unverified',
  /** no answer, or none that a provider gives */
  providerAway: 'provider-away',
} as const
export type SignInRefusal = (typeof SignInRefusal)[keyof typeof SignInRefusal]

/** Ends a sign-in: no identity, no session. */
export class SignInRefused extends Error {
  readonly reason: SignInRefusal

  constructor(reason: SignInRefusal, cause?: unknown) {
    super(reason, cause === undefined ? undefined : { cause })
    this.name = 'SignInRefused'
    this.reason = reason
  }
}

/** The provider does not answer, too slowly, or not in the way a provider does. Later it may. */
export class ProviderUnavailable extends Error {
  constructor(why: string, cause?: unknown) {
    super(why, cause === undefined ? undefined : { cause })
    this.name = 'ProviderUnavailable'
  }
}
