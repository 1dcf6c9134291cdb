import type { IncomingHttpHeaders } from 'node:http'
import type { Readable } from 'node:stream'
import type { Permission, Reach, Role } from '@csr/contracts/permissions'
import type { ProblemCode } from '@csr/contracts/problems'
import type { Service } from '@csr/contracts/services'
import type { z } from 'zod'
import type { Once } from './idempotency/once.ts'

/** Who calls, as the verified access token says. */
export type Principal = {
  readonly tenantId: string
  /** `sub` of the token */
  readonly actorId: string
  readonly roles: readonly Role[]
  /** the person this account is bound to, if any */
  readonly subjectId: string | null
  readonly sessionId: string | null
  readonly tokenId: string
  /** the machine client the token was issued to; null for people */
  readonly clientId: string | null
  /** when this person completed a sign-in, by our clock; null for machines */
  readonly signedInAtMs: number | null
}

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/** `public`: no access token is asked for. `signed-in`: any valid access token will do. */
export type RoutePermission = Permission | 'public' | 'signed-in'

/** `raw`: the bytes as a Buffer. `stream`: the bytes as they arrive, cut off with an error above the limit. */
export type BodyMode = z.ZodType | 'raw' | 'stream'

export type RouteRequest<Params = unknown, Query = unknown, Body = unknown, Who = Principal | null> = {
  readonly params: Params
  readonly query: Query
  readonly body: Body
  /** null on public routes */
  readonly principal: Who
  /** how far the permission reaches: the tenant, or only the caller's own subject; null where none was asked for */
  readonly reach: Reach | null
  /** the service whose token came along; null at the edge */
  readonly caller: Service | null
  readonly headers: IncomingHttpHeaders
  /** path and query as sent */
  readonly target: string
  readonly requestId: string
  /** address of the other end of the connection */
  readonly clientAddress: string
  /** milliseconds left, at the moment of reading, before nobody waits for the answer any more */
  readonly deadlineMs: number
  /** aborted when the caller hangs up */
  readonly signal: AbortSignal
  /** keeps the answer in the transaction of the effect where the request bears an Idempotency-Key */
  readonly once: Once
}

/** `body`: checked and cut to the schema of its status; a Buffer or Readable passes as it is. */
export type RouteAnswer = {
  readonly status: number
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string | readonly string[] | undefined>>
}

type OutputOf<Schema, Otherwise> = Schema extends z.ZodType ? z.output<Schema> : Otherwise
type BodyOf<Body> = Body extends z.ZodType
  ? z.output<Body>
  : Body extends 'raw'
    ? Buffer
    : Body extends 'stream'
      ? Readable
      : undefined
type PrincipalOf<Asked> = Asked extends 'public' ? null : Principal
type AnswerOf<Answers> = {
  [Status in keyof Answers & number]: {
    readonly status: Status
    readonly body?: Answers[Status] extends z.ZodType ? z.output<Answers[Status]> | Buffer | Readable : never
    readonly headers?: Readonly<Record<string, string | readonly string[]>>
  }
}[keyof Answers & number]

type RouteFacts = {
  readonly method: Method
  /** with `:name` for parameters */
  readonly path: string
  /** one line for the route table and the OpenAPI document */
  readonly summary: string
  readonly permission: RoutePermission
  /** true asks for a sign-in within the last 15 minutes */
  readonly fresh?: boolean
  /** services that may call; the gateway, unless told */
  readonly callers?: readonly Service[]
  /** content types that a `raw` or `stream` body may have; without it any. A schema reads `application/json` only */
  readonly mediaTypes?: readonly string[]
  readonly bodyBytesMax?: number
  /** what a request counts as: `user`, or `anonymous` on public routes, unless told; `none` is not counted */
  readonly limit?: 'sign-in' | 'endpoint' | 'user' | 'none'
  /** a POST that only asks: repeating it is harmless, so it takes no Idempotency-Key */
  readonly changesNothing?: boolean
  /** longest time the caller waits: 2.5 s unless told, 15 minutes where a body is streamed */
  readonly deadlineMs?: number
  /** codes this route answers beside those that every route may answer */
  readonly problems?: readonly ProblemCode[]
}

/** A route as the server sees it. Its schemas are the ones documents are generated from. */
export type Route = RouteFacts & {
  readonly params: z.ZodType | undefined
  readonly query: z.ZodType | undefined
  readonly body: BodyMode | undefined
  readonly answers: Readonly<Record<number, z.ZodType>>
  /** true where the answer of another process passes as it is, with whatever status it has */
  readonly passesThrough: boolean
  handle(request: RouteRequest): Promise<RouteAnswer>
}

type Definition<Asked, Params, Query, Body, Answers> = RouteFacts & {
  readonly permission: Asked
  readonly params?: Params
  readonly query?: Query
  readonly body?: Body
  readonly answers: Answers
  handle(
    request: RouteRequest<
      OutputOf<Params, Readonly<Record<string, string>>>,
      OutputOf<Query, Readonly<Record<string, never>>>,
      BodyOf<Body>,
      PrincipalOf<Asked>
    >,
  ): Promise<AnswerOf<NoInfer<Answers>>>
}

/** Declares one HTTP operation. The handler gets checked values only and may answer the declared statuses only. */
export function route<
  const Asked extends RoutePermission,
  Answers extends Readonly<Record<number, z.ZodType>>,
  Params extends z.ZodType | undefined = undefined,
  Query extends z.ZodType | undefined = undefined,
  const Body extends BodyMode | undefined = undefined,
>(definition: Definition<Asked, Params, Query, Body, Answers>): Route {
  const { params, query, body } = definition
  return { ...definition, params, query, body, passesThrough: false }
}

/** Declares a route whose body and answer belong to another process and pass untouched. */
export function passingRoute(
  facts: RouteFacts & { readonly body?: 'raw' | 'stream'; readonly handle: Route['handle'] },
): Route {
  return { params: undefined, query: undefined, body: undefined, answers: {}, ...facts, passesThrough: true }
}
