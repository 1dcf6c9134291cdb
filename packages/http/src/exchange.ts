import type { IncomingHttpHeaders } from 'node:http'
import { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'

export type UpstreamAnswer = {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /** a Buffer where the length was announced and is small, otherwise the bytes as they arrive */
  readonly body: Buffer | Readable
}

/** Answers up to this size are collected: one buffer is cheaper than a stream. */
const collectedBytesMax = 262_144

/**
 * One request and its answer. Collected answers are under the deadline until their last byte, streamed ones until their
 * headers (from there the pool's idle limit holds).
 */
export class Exchange implements Dispatcher.DispatchHandler {
  readonly #method: string
  readonly #resolve: (answer: UpstreamAnswer) => void
  readonly #reject: (error: Error) => void
  #controller: Dispatcher.DispatchController | null = null
  #ended: Error | null = null
  #timer: NodeJS.Timeout | undefined
  #release: (() => void) | undefined
  #status = 0
  #headers: IncomingHttpHeaders = {}
  #chunks: Buffer[] | null = []
  #stream: Readable | null = null

  constructor(method: string, resolve: (answer: UpstreamAnswer) => void, reject: (error: Error) => void) {
    this.#method = method
    this.#resolve = resolve
    this.#reject = reject
  }

  endAfter(ms: number, reason: () => Error): void {
    this.#timer = setTimeout(() => this.#end(reason()), ms)
  }

  endOn(signal: AbortSignal, reason: () => Error): void {
    const onAbort = (): void => this.#end(reason())
    signal.addEventListener('abort', onAbort, { once: true })
    this.#release = () => signal.removeEventListener('abort', onAbort)
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.#ended) controller.abort(this.#ended)
    else this.#controller = controller
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    if (status < 200) return
    this.#status = status
    this.#headers = headers
    const bytes = Number(headers['content-length'] ?? Number.NaN)
    const bodyless = this.#method === 'HEAD' || status === 204 || status === 304
    if (bodyless || bytes <= collectedBytesMax) return
    this.#chunks = null
    this.#stream = new Readable({
      read: () => controller.resume(),
      destroy: (error, done) => {
        if (error) controller.abort(error)
        else if (!controller.aborted && !this.#ended) controller.abort(new Error('not read to the end'))
        done(error)
      },
    })
    this.#settle()
    this.#resolve({ status, headers, body: this.#stream })
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#chunks) this.#chunks.push(chunk)
    else if (this.#stream?.push(chunk) === false) controller.pause()
  }

  onResponseEnd(): void {
    this.#settle()
    if (this.#stream) {
      this.#ended = new Error('complete')
      this.#stream.push(null)
      return
    }
    const chunks = this.#chunks ?? []
    const [first = Buffer.alloc(0)] = chunks
    const body = chunks.length <= 1 ? first : Buffer.concat(chunks)
    this.#resolve({ status: this.#status, headers: this.#headers, body })
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#settle()
    if (this.#stream) this.#stream.destroy(error)
    else this.#reject(error)
  }

  #end(reason: Error): void {
    if (this.#ended) return
    this.#ended = reason
    this.#settle()
    this.#controller?.abort(reason)
    this.#reject(reason)
  }

  #settle(): void {
    clearTimeout(this.#timer)
    this.#release?.()
  }
}
