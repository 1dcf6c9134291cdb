import { createHash } from 'node:crypto'
import { Readable, Transform } from 'node:stream'
import { ProblemError } from '../problem.ts'
import type { Principal, Route, RouteAnswer, RouteRequest } from '../route.ts'
import { replayedHeader } from './idempotency-key.ts'
import { leaseMs, type AnswerKeeper, type KeptAnswer, type Lease } from './keep-answers.ts'
import type { Once } from './once.ts'

/** A request that bears a key. */
export type Keyed = {
  readonly route: Route
  readonly request: RouteRequest
  readonly principal: Principal
  readonly key: string
  /** SHA-256 of the body as sent; null where it is streamed */
  readonly bodyDigest: Uint8Array | null
}

const busy = (): ProblemError => new ProblemError('idempotency-key-in-use', { retryAfterSeconds: 1 })
const renewEveryMs = leaseMs / 3

/**
 * Runs a route at most once for its key. Who repeats the request gets the same status and bytes; with other bytes
 * `idempotency-key-reused`, while the first still runs `idempotency-key-in-use`. What ended in a problem took no effect
 * and may be tried again.
 */
export async function answerOnce(
  keeper: AnswerKeeper,
  keyed: Keyed,
  run: (over: { once: Once; body: unknown }) => Promise<RouteAnswer>,
): Promise<RouteAnswer> {
  const { route, request, principal, key, bodyDigest } = keyed
  const { tenantId, actorId } = principal
  const begun = await keeper.begin({ tenantId, actorId, method: route.method, route: route.path, key, bodyDigest })
  if (begun.outcome === 'running') throw busy()
  if (begun.outcome === 'other-body') throw new ProblemError('idempotency-key-reused')
  if (begun.outcome === 'answered') {
    const digest = bodyDigest ?? (await digestOf(request.body as Readable))
    if (!begun.isSameBody(digest)) throw new ProblemError('idempotency-key-reused')
    return repeated(begun.answer)
  }
  return await runUnderLease(begun.lease, keyed, run)
}

async function runUnderLease(
  lease: Lease,
  { route, request, bodyDigest }: Keyed,
  run: (over: { once: Once; body: unknown }) => Promise<RouteAnswer>,
): Promise<RouteAnswer> {
  const streamed = bodyDigest === null ? digesting(request.body as Readable) : null
  const digest = (): Uint8Array => bodyDigest ?? (streamed as Digesting).digest()
  let kept: KeptAnswer | null = null
  const once: Once = {
    async keep(answer) {
      kept = textOf(route, answer)
      return await lease.keep(kept, digest())
    },
  }
  // a renewal that fails costs nothing: the effect commits under the lease or not at all
  const renewing = setInterval(() => void lease.renew().catch(() => undefined), renewEveryMs)
  try {
    const answer = await run({ once, body: streamed?.body ?? request.body })
    if (kept === null) await lease.keepAlone((kept = textOf(route, answer)), digest())
    return answerOf(kept)
  } catch (error) {
    await lease.release().catch(() => undefined)
    throw isLeaseLost(error) ? busy() : error
  } finally {
    clearInterval(renewing)
  }
}

/** The answer as text, cut to its schema, so that the first and every later one have the same bytes. */
function textOf(route: Route, { status, body, headers = {} }: RouteAnswer): KeptAnswer {
  const schema = route.answers[status]
  if (!schema) throw new TypeError(`${route.path} answered ${status}`)
  const text = body === undefined ? '' : JSON.stringify(schema.parse(body))
  const plain = Object.entries(headers).filter((entry): entry is [string, string] => typeof entry[1] === 'string')
  return { status, headers: Object.fromEntries(plain), body: text }
}

function answerOf({ status, headers, body }: KeptAnswer): RouteAnswer {
  if (body === '') return { status, headers }
  return { status, headers: { ...headers, 'content-type': 'application/json; charset=utf-8' }, body: Buffer.from(body) }
}

function repeated(answer: KeptAnswer): RouteAnswer {
  const { headers, ...rest } = answerOf(answer)
  return { ...rest, headers: { ...headers, [replayedHeader]: 'true' } }
}

type Digesting = { readonly body: Readable; digest(): Uint8Array }

/** The same bytes, counted into a digest as they pass. */
function digesting(body: Readable): Digesting {
  const hash = createHash('sha256')
  const passing = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk)
      done(null, chunk)
    },
  })
  passing.on('error', () => undefined)
  body.on('error', (error) => passing.destroy(error))
  return { body: body.pipe(passing), digest: () => hash.digest() }
}

async function digestOf(body: Readable): Promise<Uint8Array> {
  const hash = createHash('sha256')
  for await (const chunk of body) hash.update(chunk as Buffer)
  return hash.digest()
}

/** `ops.expect_lease` raised: the key has gone to another run of the same request. */
function isLeaseLost(error: unknown): boolean {
  return error instanceof Error && (error as { readonly sqlstate?: unknown }).sqlstate === 'CS003'
}
