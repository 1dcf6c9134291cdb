import { mkdirSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Health } from '../health-policy.ts'
import { installNatsServer } from '../install/nats-server.ts'
import { explainFileError } from '../refusal.ts'
import { writeAtomically } from '../write-atomically.ts'
import { natsConfig, type NatsConfig } from './nats-config.ts'
import { takeDirectory } from './ownership.ts'
import { isPortFree } from './ports.ts'
import { ServerError, explainLog, lastLine, portInUse } from './server-error.ts'
import { serverEnvironment, spawnServer, type Exit, type ServerLaunch } from './server-process.ts'

/** `storeDir` holds the server's data and nothing else. */
export type NatsOptions = NatsConfig & {
  readonly configFile: string
  readonly logFile: string
  readonly onProgress?: (line: string) => void
}

export type NatsServer = AsyncDisposable & {
  readonly pid: number
  readonly url: string
  readonly monitorUrl: string
  readonly storeDir: string
  readonly exited: Promise<Exit>
  /** lets this process end although the server runs; whoever calls it ends the server in another way */
  readonly unref: () => void
  /** stops taking messages, writes what it holds and ends; forced after 10 s */
  readonly stop: () => Promise<void>
}

/**
 * What has to stand before each run: finds or fetches the program, writes the configuration anew, refuses a taken port.
 * Whoever calls it holds the store. Throws ServerError.
 */
export async function prepareNats(options: NatsOptions): Promise<ServerLaunch> {
  try {
    const command = await installNatsServer(options.onProgress === undefined ? {} : { onProgress: options.onProgress })
    mkdirSync(options.storeDir, { recursive: true, mode: 0o700 })
    mkdirSync(dirname(options.configFile), { recursive: true, mode: 0o700 })
    writeAtomically(options.configFile, natsConfig(options))
    for (const port of [options.port, options.monitorPort, ...(options.cluster ? [options.cluster.port] : [])]) {
      if (!(await isPortFree(port))) throw portInUse('nats-server', port)
    }
    return { command, args: ['-c', options.configFile], env: serverEnvironment() }
  } catch (error) {
    throw explainFileError(error, options.storeDir)
  }
}

/** Resolves when the server answers that JetStream works. Throws ServerError when it ends instead. */
export async function untilNatsReady(
  server: { readonly hasExited: () => boolean; readonly logTail: () => string },
  options: NatsOptions,
): Promise<void> {
  for (;;) {
    if (server.hasExited()) {
      const tail = server.logTail()
      throw (
        explainLog('nats-server', tail, { port: options.port, directory: options.storeDir }) ??
        new ServerError('failed', `nats-server did not start: ${lastLine(tail)} (all of it in ${options.logFile})`)
      )
    }
    if (await isHealthy(options.monitorPort)) return
    await delay(10)
  }
}

/**
 * Prepares and starts the server as a direct child of this process, which owns the store from then on: what a dead owner
 * left running there is ended first, a living owner is named in the refusal. Throws ServerError.
 */
export async function startNatsServer(options: NatsOptions): Promise<NatsServer> {
  const ownership = await takeDirectory(options.storeDir, { signal: 'SIGTERM', limitMs: 10_000 })
  const server = await ownership.startOrRelease(async () => {
    const started = spawnServer(await prepareNats(options), options.logFile)
    ownership.record(started.pid)
    await untilNatsReady(started, options)
    return started
  })
  const stop = async (): Promise<void> => {
    await server.end(['SIGTERM', 'SIGKILL'], 10_000)
    ownership.release()
  }
  return {
    pid: server.pid,
    url: `nats://127.0.0.1:${options.port}`,
    monitorUrl: `http://127.0.0.1:${options.monitorPort}`,
    storeDir: options.storeDir,
    exited: server.exited,
    unref: server.unref,
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

/**
 * What the running server says of its streams. A stream, consumer or node that met a full disk keeps its write error and
 * refuses everything until the server is restarted, which is of use once there is room again. All else that it can say
 * (recovering, not current, no leader) passes with time.
 */
export async function natsHealth({
  monitorPort,
  storeDir,
}: Pick<NatsOptions, 'monitorPort' | 'storeDir'>): Promise<Health> {
  try {
    const answer = await fetch(`http://127.0.0.1:${monitorPort}/healthz`, { signal: AbortSignal.timeout(1_000) })
    const { error = '' } = (await answer.json()) as { error?: string }
    if (answer.ok) return { state: 'well' }
    if (!/write error/i.test(error)) return { state: 'unclear' }
    return { state: 'broken', because: error, curable: await hasRoom(storeDir) }
  } catch {
    return { state: 'unclear' }
  }
}

async function hasRoom(folder: string): Promise<boolean> {
  const { bavail, bsize, files, ffree } = await statfs(folder)
  return bavail * bsize >= roomBytesMin && (files === 0 || ffree > 0)
}

/** Two blocks of a stream. */
const roomBytesMin = 16 * 1024 ** 2

async function isHealthy(monitorPort: number): Promise<boolean> {
  try {
    const answer = await fetch(`http://127.0.0.1:${monitorPort}/healthz?js-server-only=true`, {
      signal: AbortSignal.timeout(1_000),
    })
    await answer.arrayBuffer()
    return answer.ok
  } catch {
    return false
  }
}
