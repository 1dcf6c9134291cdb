import { createServer, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'

export type Recorded = {
  readonly method: string
  readonly target: string
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

export type RecordingService = AsyncDisposable & {
  readonly url: string
  readonly requests: Recorded[]
  /** what it answers next and from then on */
  answerWith(answer: { status: number; body?: string | Buffer; headers?: Record<string, string> }): void
}

/** Stands in for a service: keeps what reached it byte for byte, and answers as told. */
export async function recordingService(watch?: (request: IncomingMessage) => void): Promise<RecordingService> {
  const requests: Recorded[] = []
  let answer: Parameters<RecordingService['answerWith']>[0] = { status: 200, body: '{}' }
  const server = createServer((request, response) => {
    watch?.(request)
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const { method = '', url = '', headers } = request
      requests.push({ method, target: url, headers, body: Buffer.concat(chunks) })
      const body = Buffer.from(answer.body ?? '')
      response.writeHead(answer.status, { 'content-length': body.length, ...answer.headers }).end(body)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    answerWith: (next) => void (answer = next),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
