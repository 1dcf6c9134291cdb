import { problems, type ProblemCode, type ProblemDetailError, type ProblemDocument } from '@csr/contracts/problems'

export type ProblemOptions = {
  /** may be read by a stranger: no internals, no values */
  readonly detail?: string
  readonly errors?: readonly ProblemDetailError[]
  readonly retryAfterSeconds?: number
  /** further headers of the answer, such as `allow` */
  readonly headers?: Readonly<Record<string, string | readonly string[]>>
  /** names for the record of a refusal; the caller is not told */
  readonly reasons?: readonly string[]
  readonly cause?: unknown
}

/** The one error that routes throw. Its code decides status and title; everything else that is thrown becomes `internal`. */
export class ProblemError extends Error {
  readonly code: ProblemCode
  readonly detail: string | undefined
  readonly errors: readonly ProblemDetailError[] | undefined
  readonly retryAfterSeconds: number | undefined
  readonly headers: Readonly<Record<string, string | readonly string[]>> | undefined
  readonly reasons: readonly string[]

  constructor(code: ProblemCode, options: ProblemOptions = {}) {
    super(code, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'ProblemError'
    this.code = code
    this.detail = options.detail
    this.errors = options.errors
    this.retryAfterSeconds = options.retryAfterSeconds
    this.headers = options.headers
    this.reasons = options.reasons ?? []
  }

  get status(): number {
    return problems[this.code].status
  }
}

export const problemMediaType = 'application/problem+json'

/** The document of RFC 9457 for a problem; `instance` is the request's id as a URN. */
export function problemDocument(problem: ProblemError, requestId?: string): ProblemDocument {
  const kind = problems[problem.code]
  return {
    type: `/problems/${problem.code}`,
    title: kind.title,
    status: kind.status,
    ...(problem.detail !== undefined && { detail: problem.detail }),
    ...(requestId !== undefined && { instance: `urn:uuid:${requestId}` }),
    ...(problem.errors && problem.errors.length > 0 && { errors: problem.errors }),
  }
}

/** Errors of these names mean that a part is down for now. Named, not imported: the server knows no driver. */
const unavailableNames: ReadonlySet<string> = new Set([
  'PostgresUnavailable',
  'KeyringUnavailable',
  'UpstreamUnavailable',
  'UpstreamRefused',
  'NatsUnavailable',
  'ProviderUnavailable',
  'RetryLater',
])

const frameworkCodes: Readonly<Record<string, ProblemCode>> = {
  FST_ERR_BAD_URL: 'route-not-found',
  FST_ERR_MAX_PARAM_LENGTH: 'uri-too-long',
  FST_ERR_CTP_BODY_TOO_LARGE: 'body-too-large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'media-type-unsupported',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'json-invalid',
  FST_ERR_CTP_INVALID_JSON_BODY: 'json-invalid',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'request-malformed',
  // the client hung up while its body was read; nobody reads the answer
  ECONNRESET: 'request-malformed',
  ERR_STREAM_PREMATURE_CLOSE: 'request-malformed',
}

const validationCodes: Readonly<Record<string, ProblemCode>> = {
  body: 'body-invalid',
  params: 'parameter-invalid',
  querystring: 'parameter-invalid',
  headers: 'header-invalid',
}

const unavailableRetrySeconds = 1
const errorsMax = 20
const diskFull = '53100'

/** The one door from what was thrown to what is answered. Whatever is not known becomes a bare `internal`. */
export function toProblem(error: unknown): ProblemError {
  if (error instanceof ProblemError) return error
  if (!(error instanceof Error)) return new ProblemError('internal', { cause: error })
  if (unavailableNames.has(error.name)) {
    return new ProblemError('dependency-unavailable', { retryAfterSeconds: unavailableRetrySeconds, cause: error })
  }
  if (error.name === 'TenantUnknown') return new ProblemError('resource-not-found', { cause: error })
  const { code, sqlstate, validation, validationContext } = error as ThrownFields
  if (sqlstate === diskFull) return new ProblemError('disk-full', { cause: error })
  if (validation) return invalid(validation, validationContext ?? 'body')
  const known = typeof code === 'string' ? frameworkCodes[code] : undefined
  return new ProblemError(known ?? 'internal', { cause: error })
}

function invalid(validation: readonly Issue[], context: string): ProblemError {
  const errors = validation.slice(0, errorsMax).map((issue) => ({
    pointer: context === 'body' ? bodyPointer(issue.instancePath) : `parameter:${issue.instancePath.slice(1)}`,
    detail: (issue.message ?? 'is not valid').slice(0, 300),
  }))
  return new ProblemError(validationCodes[context] ?? 'body-invalid', { errors })
}

/** The whole body is the empty pointer of RFC 6901. */
function bodyPointer(instancePath: string): string {
  return instancePath === '/' ? '' : instancePath
}

type Issue = { readonly instancePath: string; readonly message?: string }
type ThrownFields = {
  readonly code?: unknown
  readonly sqlstate?: unknown
  readonly validation?: readonly Issue[]
  readonly validationContext?: string
}
