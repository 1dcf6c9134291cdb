import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Entry } from './admit.ts'
import type { Route } from './route.ts'

/**
 * What a request counts as. `anonymous` and `sign-in` count the client (an address), `user` the principal, `endpoint` the
 * endpoint a webhook is for.
 */
export const Tier = { anonymous: 'anonymous', user: 'user', signIn: 'sign-in', endpoint: 'endpoint' } as const
export type Tier = (typeof Tier)[keyof typeof Tier]

/** A request that was counted. */
export type Counted = {
  /** `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers) for its answer */
  readonly headers: Readonly<Record<string, string>>
  /** it was not for this one to pay */
  giveBack(): void
}

/** Counts requests. */
export interface Limits {
  /** Counts one request of `who`; throws `rate-limited` where there is no room. */
  take(tier: Tier, who: string): Promise<Counted>
  /** Throws `rate-limited` where there is no room, and counts nothing. */
  check(tier: Tier, who: string): void
}

/**
 * Counts a request to a route that asks for no token. A webhook counts for its endpoint if its signature turns out right;
 * a client all of whose wrong signatures are used up is not listened to.
 */
export async function countOpen(
  { limit: told }: Route,
  request: FastifyRequest,
  reply: FastifyReply,
  limits: Limits | undefined,
): Promise<void> {
  const limit = told ?? Tier.anonymous
  if (!limits || limit === 'none') return
  const { clientAddress } = request.entry
  if (limit !== 'endpoint') return void reply.headers((await limits.take(limit, clientAddress)).headers)
  limits.check('anonymous', clientAddress)
  request.entry.counted = await limits.take('endpoint', endpointOf(request))
  reply.headers(request.entry.counted.headers)
}

/** Wrong signatures count for the client, not for the endpoint: throws `rate-limited` once they are too many. */
export async function countWrongSignature(entry: Entry, limits: Limits | undefined): Promise<void> {
  if (!limits || !entry.counted) return
  entry.counted.giveBack()
  await limits.take('anonymous', entry.clientAddress)
}

/** An id that is none is nobody's: all of these share one count. */
function endpointOf({ params }: FastifyRequest): string {
  const { endpoint = '' } = params as { readonly endpoint?: string }
  return endpointForm.test(endpoint) ? endpoint.toLowerCase() : 'unknown'
}

const endpointForm = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i
