import { connect, type Socket } from 'node:net'

/** One whole HTTP/1.1 request, ready to be written. */
export type RawRequest = Buffer

export type LoadResult = {
  readonly seconds: number
  readonly answered: number
  /** answers by status code */
  readonly statuses: Readonly<Record<number, number>>
  /** connections that broke; a run with any is not a measurement */
  readonly broken: number
  readonly p50Ms: number
  readonly p95Ms: number
  readonly p99Ms: number
}

export type LoadOptions = {
  readonly url: string
  readonly connections: number
  readonly seconds: number
  /** requests per second over all connections; as fast as answers come, unless told */
  readonly rate?: number
  /** the next request, or null where there are no more */
  next(): RawRequest | null
}

/**
 * Sends requests over plain sockets, one at a time on each connection, and reads answers that carry a Content-Length.
 * Written by hand because the generator shares the cores with what it measures: it must cost as little as possible.
 */
export async function runLoad(options: LoadOptions): Promise<LoadResult> {
  const { hostname, port } = new URL(options.url)
  const latencies: number[] = []
  const statuses: Record<number, number> = {}
  let broken = 0
  const startedMs = performance.now()
  const endMs = startedMs + options.seconds * 1_000
  const pace = createPace(options.rate, startedMs)

  await Promise.all(Array.from({ length: options.connections }, () => drive(connect(Number(port), hostname))))
  const seconds = (Math.min(performance.now(), endMs) - startedMs) / 1_000
  latencies.sort((a, b) => a - b)
  const at = (share: number): number =>
    latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? 0
  return { seconds, answered: latencies.length, statuses, broken, p50Ms: at(0.5), p95Ms: at(0.95), p99Ms: at(0.99) }

  function drive(socket: Socket): Promise<void> {
    return new Promise((resolve) => {
      let sentMs = 0
      let rest: Buffer = Buffer.alloc(0)
      let waiting = false
      const finish = (): void => {
        socket.destroy()
        resolve()
      }
      const send = (): void => {
        const nowMs = performance.now()
        if (nowMs >= endMs) return finish()
        const dueMs = pace()
        if (dueMs > nowMs) return void setTimeout(() => write(dueMs), dueMs - nowMs)
        write(dueMs)
      }
      const write = (dueMs: number): void => {
        const request = options.next()
        if (!request) return finish()
        // with a rate, time counts from when the request was due, so that a stalled server is not forgiven
        sentMs = options.rate === undefined ? performance.now() : dueMs
        waiting = true
        socket.write(request)
      }
      socket.setNoDelay(true)
      socket.on('connect', send)
      socket.on('data', (chunk: Buffer) => {
        rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
        const answer = readAnswer(rest)
        if (!answer) return
        rest = rest.subarray(answer.bytes)
        waiting = false
        statuses[answer.status] = (statuses[answer.status] ?? 0) + 1
        latencies.push(performance.now() - sentMs)
        send()
      })
      socket.on('error', () => undefined)
      socket.on('close', () => {
        if (waiting) broken += 1
        resolve()
      })
    })
  }
}

/** When the next request is due: at once without a rate, else evenly spaced. */
function createPace(rate: number | undefined, startedMs: number): () => number {
  let sent = 0
  return () => (rate === undefined ? 0 : startedMs + (sent++ * 1_000) / rate)
}

const headEnd = Buffer.from('\r\n\r\n')

function readAnswer(bytes: Buffer): { status: number; bytes: number } | null {
  const end = bytes.indexOf(headEnd)
  if (end < 0) return null
  const head = bytes.toString('latin1', 0, end)
  const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? Number.NaN)
  if (Number.isNaN(length)) throw new Error('an answer without Content-Length')
  const total = end + headEnd.length + length
  return bytes.length < total ? null : { status: Number(head.slice(9, 12)), bytes: total }
}
