import type { z } from 'zod'
import type { Permission } from '../permissions.ts'
import type { ProblemCode } from '../problems.ts'
import type { Service } from '../services.ts'

/**
 * One HTTP operation as both sides rely on it: the service that answers it, the gateway that forwards it and the
 * documents that describe it read this and nothing else. A route is `route({ ...operation, handle })`.
 */
export type Operation = {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** with `:name` for parameters */
  readonly path: string
  readonly summary: string
  /** `public`: no access token is asked for. `signed-in`: any valid access token will do. */
  readonly permission: Permission | 'public' | 'signed-in'
  /** true asks for a sign-in within the last 15 minutes (`auth_time`): machines never have one */
  readonly fresh?: boolean
  /** services that may call; the gateway, unless told */
  readonly callers?: readonly Service[]
  readonly params?: z.ZodType
  readonly query?: z.ZodType
  /** a schema reads JSON; `raw` and `stream` are bytes of one of `mediaTypes` */
  readonly body?: z.ZodType | 'raw' | 'stream'
  readonly mediaTypes?: readonly string[]
  readonly bodyBytesMax?: number
  /**
   * what a request counts as where requests are limited: the principal's `user` tier, or `anonymous` by client where no
   * token is asked for, unless told. `none`: probes are not counted
   */
  readonly limit?: 'sign-in' | 'endpoint' | 'user' | 'none'
  /** a POST that only asks: repeating it is harmless, so it takes no Idempotency-Key */
  readonly changesNothing?: boolean
  /** `z.undefined()` where the answer has no body */
  readonly answers: Readonly<Record<number, z.ZodType>>
  /** of answers that are bytes (`z.custom`); `application/zip` unless told */
  readonly answerMediaType?: string
  /** codes it answers beside those that every route may answer */
  readonly problems?: readonly ProblemCode[]
}

/** Declares an operation and keeps its exact types. */
export function operation<const Declared extends Operation>(declared: Declared): Declared {
  return declared
}

/**
 * Whether an operation takes an Idempotency-Key: every POST and PATCH that changes something on behalf of somebody. Routes
 * of sign-in and tokens do not: their answers carry cookies and tokens, which nobody keeps.
 */
export function takesIdempotencyKey(
  asked: Pick<Operation, 'method' | 'path' | 'changesNothing'> & { readonly permission: string },
): boolean {
  const { method, path, permission, changesNothing } = asked
  const isEffect = (method === 'POST' || method === 'PATCH') && changesNothing !== true
  return isEffect && permission !== 'public' && !path.startsWith('/v1/auth/')
}
