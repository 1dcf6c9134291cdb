/** One code of a problem document: its status, its constant title, and what `/problems/<code>` explains. */
export type ProblemKind = { readonly status: number; readonly title: string; readonly explanation: string }

const kinds = {
  'route-not-found': [404, 'Not found', 'No such route. The routes are listed in /openapi.json.'],
  'resource-not-found': [404, 'Not found', 'Nothing with this id is visible to the caller.'],
  'parameter-invalid': [400, 'Invalid parameter', 'A path or query parameter does not have the documented form.'],
  'json-invalid': [400, 'Invalid JSON', 'The body is not well-formed JSON.'],
  'header-invalid': [400, 'Invalid header', 'A required header is missing or malformed.'],
  'body-invalid': [422, 'Invalid body', 'The body is well-formed but does not match the schema; see errors.'],
  'token-missing': [401, 'Authentication required', 'Send an access token as a bearer token.'],
  'token-invalid': [401, 'Authentication required', 'The access token is not valid here.'],
  'service-token-invalid': [401, 'Authentication required', 'This port answers calls from known services only.'],
  'signature-invalid': [401, 'Signature not accepted', 'The webhook signature, its time or its endpoint is not valid.'],
  'sign-in-refused': [401, 'Sign-in not accepted', 'The sign-in was not accepted. It can be started anew.'],
  'sign-in-not-fresh': [
    401,
    'Fresh sign-in required',
    'This asks for a sign-in within the last 15 minutes; `GET /v1/auth/login/{provider}?fresh=1` makes one.',
  ],
  'client-invalid': [401, 'Client not accepted', 'The machine client, its secret or its assertion is not valid.'],
  'grant-invalid': [400, 'Grant not accepted', 'The refresh token is unknown, used, ended or expired.'],
  'cross-site-refused': [
    403,
    'Cross-site request refused',
    'A cookie counts for pages of this origin that send the token of their session along; see GET /v1/me.',
  ],
  'permission-denied': [403, 'Permission denied', 'The caller lacks the permission this route needs.'],
  'request-refused': [
    403,
    'Request refused',
    'A text in the request looks like an attack. Whoever operates the system finds out why by the instance of this answer.',
  ],
  'membership-missing': [
    403,
    'Not a member',
    'The sign-in worked, but no company here knows this account. Ask for an invitation.',
  ],
  'second-factor-missing': [
    403,
    'Second factor required',
    'The company asks for a second factor, and the sign-in had none.',
  ],
  'tenant-suspended': [
    403,
    'Company suspended',
    'Nothing of this company is answered for now. Whoever operates the system can resume it; nothing is lost meanwhile.',
  ],
  'tenant-closed': [403, 'Company closed', 'This company was closed, and nothing of it is answered any more.'],
  'method-not-allowed': [405, 'Method not allowed', 'The route exists, the method does not.'],
  'request-timeout': [408, 'Request too slow', 'The request did not arrive in time.'],
  'state-conflict': [409, 'Conflict', 'The resource is not in a state that allows this.'],
  'idempotency-key-in-use': [
    409,
    'Still running',
    'A request with this Idempotency-Key is under way. Repeat it in a moment.',
  ],
  'idempotency-key-reused': [
    422,
    'Key used before',
    'This Idempotency-Key was used with another body. Repeat the first body, or take a new key.',
  ],
  'body-too-large': [413, 'Body too large', 'The body is over the limit of this route.'],
  'media-type-unsupported': [415, 'Unsupported media type', 'This route does not read this content type.'],
  'headers-too-large': [431, 'Headers too large', 'The request headers are over the limit.'],
  'uri-too-long': [414, 'URI too long', 'The request target is over the limit.'],
  'request-malformed': [400, 'Malformed request', 'The request is not valid HTTP.'],
  'rate-limited': [429, 'Too many requests', 'Wait as long as Retry-After says.'],
  internal: [500, 'Internal error', 'Something failed here; the request id finds it in our logs.'],
  'dependency-unavailable': [
    503,
    'Temporarily unavailable',
    'A part this request needs is down. Retry-After says when.',
  ],
  'intake-suspended': [
    503,
    'Intake suspended',
    'The company is suspended for now. Nothing of this was kept: send it again after Retry-After, until it is taken.',
  ],
  'disk-full': [507, 'Out of storage', 'There is no room to accept this now.'],
} as const satisfies Record<string, readonly [number, string, string]>

export type ProblemCode = keyof typeof kinds

/** Every code a problem document may carry (RFC 9457); `type` is `/problems/<code>`. */
export const problems = Object.fromEntries(
  Object.entries(kinds).map(([code, [status, title, explanation]]) => [code, { status, title, explanation }]),
) as unknown as Readonly<Record<ProblemCode, ProblemKind>>

/** One entry of `errors[]`: a JSON pointer into the body, or `parameter:<name>`, and what is wrong there. Never a value. */
export type ProblemDetailError = { readonly pointer: string; readonly detail: string }

/** The body of every error answer, media type `application/problem+json`. */
export type ProblemDocument = {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail?: string
  readonly instance?: string
  readonly errors?: readonly ProblemDetailError[]
}
