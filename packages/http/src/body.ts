import { Transform } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import { parseJson } from './json.ts'
import { ProblemError } from './problem.ts'

/** A stream that brings nothing for this long belongs to a client that is too slow. */
const streamIdleMs = 20_000

/** JSON only, by the rules of `parseJson`. */
export function readJson(api: FastifyInstance): void {
  api.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, bytes, done) => {
    try {
      done(null, parseJson(bytes as Buffer))
    } catch (error) {
      done(error as Error)
    }
  })
}

/** Any content type, byte for byte. */
export function readRaw(api: FastifyInstance): void {
  api.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, bytes, done) => done(null, bytes))
}

/** Any content type, as it arrives; above the route's limit the stream fails with `body-too-large`. */
export function readStream(api: FastifyInstance): void {
  api.addContentTypeParser('*', (request, payload, done) => {
    const bytesMax = request.routeOptions.bodyLimit
    if (Number(request.headers['content-length'] ?? 0) > bytesMax) return done(new ProblemError('body-too-large'))
    const counted = new Transform({ transform: countUpTo(bytesMax) })
    const idle = setTimeout(() => counted.destroy(new ProblemError('request-timeout')), streamIdleMs)
    payload.on('data', () => idle.refresh())
    payload.on('error', (error) => counted.destroy(error))
    counted.on('close', () => clearTimeout(idle))
    done(null, payload.pipe(counted))
  })
}

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
