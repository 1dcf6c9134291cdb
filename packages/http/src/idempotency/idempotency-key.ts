import type { IncomingHttpHeaders } from 'node:http'
import { ProblemError } from '../problem.ts'

/** Name of the header (IETF httpapi, draft-ietf-httpapi-idempotency-key-header-07). */
export const idempotencyKeyHeader = 'idempotency-key'
/** Marks an answer that was given before. */
export const replayedHeader = 'idempotent-replayed'

/** A string as in RFC 9651, or bare as most clients send it; several headers of the name are joined by ", " and refused. */
const form = /^(?:"([\w.:~+/=-]{1,200})"|([\w.:~+/=-]{1,200}))$/

/** The key a request bears, or null; `header-invalid` where it has not the form. */
export function readIdempotencyKey(headers: IncomingHttpHeaders): string | null {
  const given = headers[idempotencyKeyHeader]
  if (given === undefined) return null
  const [, quoted, bare] = (typeof given === 'string' && form.exec(given)) || []
  const key = quoted ?? bare
  if (key === undefined) {
    const detail = 'Idempotency-Key is 1 to 200 letters, digits or characters of _ . : ~ + / = -'
    throw new ProblemError('header-invalid', { detail })
  }
  return key
}
