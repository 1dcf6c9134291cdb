import type { Service } from '@csr/contracts/services'
import { systemClock, type Clock } from '@csr/runtime/clock'
import { createHealth, type Health, type Resource } from '@csr/runtime/lifecycle'
import { createLogger, type Logger } from '@csr/runtime/logger'
import { createTelemetry } from '@csr/runtime/telemetry'
import type { Route } from '../src/route.ts'
import { createServer, type ServerOptions } from '../src/server.ts'
import { createTokenVerifier } from '../src/token-verifier.ts'
import { setUpKeys } from './keys-on-disk.ts'

export type RunningServer = AsyncDisposable & {
  readonly url: string
  readonly port: number
  readonly health: Health
  readonly lines: string[]
}

/** A server on a free port; its log lines are kept for reading. */
export async function runServer(
  options: {
    readonly routes: readonly Route[]
    readonly publicKeysDir: string
    readonly service?: Service
    readonly clock?: Clock
  } & Partial<ServerOptions>,
): Promise<RunningServer> {
  const { service = 'profile', clock = systemClock(), publicKeysDir, ...rest } = options
  const lines: string[] = []
  const health = createHealth()
  const server: Resource & { readonly address: string } = createServer({
    service,
    host: '127.0.0.1',
    port: 0,
    logger: quietLogger(lines),
    telemetry: createTelemetry(service),
    clock,
    health,
    tokens: createTokenVerifier({ service, publicKeysDir, clock, trust: setUpKeys }),
    ...rest,
  })
  await server.start?.()
  health.markStarted()
  return {
    url: server.address,
    port: Number(new URL(server.address).port),
    health,
    lines,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}

export function quietLogger(lines: string[] = []): Logger {
  return createLogger({ service: 'test', destination: { write: (line) => void lines.push(line) } })
}
