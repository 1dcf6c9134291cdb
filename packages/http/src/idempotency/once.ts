import type { Statement } from '@csr/postgres/statement'
import type { RouteAnswer } from '../route.ts'

/** Lets the answer to a request commit together with its effect, so that repeating the request repeats neither. */
export interface Once {
  /**
   * Statements to stand last in the transaction of the effect. They keep the answer under the request's Idempotency-Key, and fail the
   * transaction where the lease of the key has gone to somebody else. None where the request bears no key.
   */
  keep(answer: RouteAnswer): Promise<readonly Statement[]>
}

/** For a request without a key. */
export const unkeyed: Once = { keep: () => Promise.resolve([]) }
