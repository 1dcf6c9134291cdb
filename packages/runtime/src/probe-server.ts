import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Health, Resource } from './lifecycle.ts'
import type { Telemetry } from './telemetry.ts'

export type ProbeServerOptions = {
  readonly name: string
  readonly host: string
  /** 0 takes a free port; `address` tells which */
  readonly port: number
  readonly health: Health
  readonly telemetry: Telemetry
}

/**
 * Health routes and metrics of a process that serves nothing else. They tell names of parts and counts, nothing about
 * data, and need no token.
 */
export function createProbeServer(options: ProbeServerOptions): Resource & { readonly address: string } {
  const { host, port } = options
  const server = createServer({ requestTimeout: 5_000, headersTimeout: 5_000 }, (request, response) => {
    answer(options, request.url ?? '', response).catch(() => response.destroy())
  })
  server.maxConnections = 100
  let address = ''
  return {
    name: 'probes',
    get address() {
      return address
    },
    async start() {
      server.listen({ host, port })
      await once(server, 'listening')
      address = `http://${host}:${(server.address() as AddressInfo).port}`
    },
    async [Symbol.asyncDispose]() {
      if (!server.listening) return
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

async function answer(
  { name, health, telemetry }: ProbeServerOptions,
  path: string,
  response: ServerResponse,
): Promise<void> {
  const { ready, missing } = health.readiness()
  if (path === '/metrics') {
    const text = await telemetry.exposition()
    response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }).end(text)
  } else if (path === '/health/readiness') {
    sendJson(response, ready ? 200 : 503, { service: name, ready, missing })
  } else if (path === '/health/liveness') {
    sendJson(response, 200, { service: name, status: 'alive' })
  } else {
    response.writeHead(404).end()
  }
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify(body))
}
