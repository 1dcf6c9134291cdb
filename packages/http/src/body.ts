import { createHash } from 'node:crypto'
import { Transform } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import { idempotencyKeyHeader } from './idempotency/idempotency-key.ts'
import { parseJson } from './json.ts'
import { ProblemError } from './problem.ts'

/** JSON only, by the rules of `parseJson`. */
export function readJson(api: FastifyInstance): void {
  api.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, bytes, done) => {
    try {
      if (request.headers[idempotencyKeyHeader] !== undefined) request.entry.bodyDigest = digestOf(bytes as Buffer)
      const asksForNone = bytes.length === 0 && request.routeOptions.schema?.body === undefined
      done(null, asksForNone ? undefined : parseJson(bytes as Buffer))
    } catch (error) {
      done(error as Error)
    }
  })
}

/** Any content type, byte for byte. */
export function readRaw(api: FastifyInstance): void {
  api.addContentTypeParser('*', { parseAs: 'buffer' }, (request, bytes, done) => {
    if (request.headers[idempotencyKeyHeader] !== undefined) request.entry.bodyDigest = digestOf(bytes as Buffer)
    done(null, bytes)
  })
}

/**
 * Any content type, as it arrives. Above the route's limit the stream fails with `body-too-large`, after `idleMs` without
 * a byte with `request-timeout`.
 */
export function readStream(api: FastifyInstance, idleMs: number): void {
  api.addContentTypeParser('*', (request, payload, done) => {
    const bytesMax = request.routeOptions.bodyLimit
    if (Number(request.headers['content-length'] ?? 0) > bytesMax) return done(new ProblemError('body-too-large'))
    const counted = new Transform({ transform: countUpTo(bytesMax) })
    const idle = setTimeout(() => {
      // while bytes wait for whoever reads them, the client is not to blame
      if (counted.readableLength > 0 || counted.writableLength > 0) idle.refresh()
      else counted.destroy(new ProblemError('request-timeout'))
    }, idleMs)
    // whoever reads it gets the error; a route that answers without reading leaves nobody to get it
    counted.on('error', () => undefined)
    payload.on('data', () => idle.refresh())
    payload.on('error', (error) => counted.destroy(error))
    payload.on('end', () => clearTimeout(idle))
    counted.on('close', () => clearTimeout(idle))
    done(null, payload.pipe(counted))
  })
}

const digestOf = (bytes: Buffer): Uint8Array => createHash('sha256').update(bytes).digest()

function countUpTo(
  bytesMax: number,
): (chunk: Buffer, encoding: string, done: (error: Error | null, chunk?: Buffer) => void) => void {
  let bytes = 0
  return (chunk, _encoding, done) => {
    bytes += chunk.length
    if (bytes > bytesMax) done(new ProblemError('body-too-large'))
    else done(null, chunk)
  }
}

/**
 * Ends bodies that are read whole and trickle. Only servers that stream bodies need it: their own time-out for requests is
 * long enough for uploads.
 */
export function limitReading(api: FastifyInstance, withinMs: number): void {
  api.addHook('preParsing', (request, _reply, payload, done) => {
    const { headers } = request
    if (headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined) {
      // nobody listens once the answer is decided without the rest of the body
      const tooSlow = (): boolean =>
        payload.listenerCount('error') > 0 && payload.emit('error', new ProblemError('request-timeout'))
      const timer = setTimeout(tooSlow, withinMs).unref()
      payload.once('end', () => clearTimeout(timer)).once('close', () => clearTimeout(timer))
    }
    done(null, payload)
  })
}
