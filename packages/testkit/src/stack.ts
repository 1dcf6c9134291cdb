import { spawn, type ChildProcess } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Role } from '@csr/contracts/permissions'
import type { Service } from '@csr/contracts/services'
import { dataDirectory, type DataDirectory } from '@csr/stack/data-directory'
import { createGatewayClient, type GatewayClient } from '@csr/stack/gateway-client'
import { readStackDocument, replicasByName, type StackDocument } from '@csr/stack/stack-document'
import { ephemeralFolder, killNow, type Ephemeral } from './ephemeral.ts'
import { raisedLimits } from './raised-limits.ts'
import { eventually } from './eventually.ts'
import { claimPorts } from './port-block.ts'
import { placeCluster } from './prepared-cluster.ts'
import { placeTestSecrets } from './secrets.ts'

/** Every process of a stack that can be killed on its own; of further replicas and nodes by number: `profile-2`, `nats-3`. */
export type StackMember = Service | 'keeper' | 'nats' | 'postgres' | `${Service | 'nats'}-${number}`

/**
 * A whole stack of real processes, started as `npm start` does, on ports and in a folder of its own. Only its keys and the
 * roles and empty tables of its databases are made for the whole test run: making them is half of a start.
 */
export type TestStack = AsyncDisposable & {
  /** `stack.json` as it is now */
  readonly document: StackDocument
  readonly gateway: GatewayClient
  readonly directory: DataDirectory
  /** the supervisor */
  readonly pid: number
  readonly token: (wanted: { role: Role; tenantId?: string; subject?: string }) => Promise<string>
  /** SIGKILL; resolves when the process is gone */
  readonly kill: (member: StackMember) => Promise<void>
  /** resolves when the supervisor has put another process in its place and every service is ready */
  readonly recovered: (member: StackMember, killedPid: number) => Promise<void>
  readonly pidOf: (member: StackMember) => number
  /** SIGTERM; resolves with the exit code when everything is gone. The folder stays until disposal. */
  readonly stop: () => Promise<number | null>
  /** what the supervisor said on stderr so far */
  readonly said: () => string
}

export type TestStackOptions = {
  /** settings for outsiders, handed on to the services */
  readonly env?: Readonly<Record<string, string>>
  /** with the sample data; left out unless asked for */
  readonly demo?: boolean
  /** where it keeps everything, and leaves it; a folder that ends with the stack where left out */
  readonly dataDir?: string
  /** processes of every service, one where left out */
  readonly replicas?: number
  /** nodes of nats-server, one where left out */
  readonly natsNodes?: number
}

/** Starts one and resolves when it is ready. It ends with this process, whatever ends it. */
export async function privateStack(options: TestStackOptions = {}): Promise<TestStack> {
  const folder = ephemeralFolder()
  const ports = await claimPorts(options.replicas)
  const directory = dataDirectory(options.dataDir ?? join(folder.dir, 'stack'))
  await placeTestSecrets(directory.secretsDir)
  await placeCluster(directory.postgresDir)
  const running = await start(folder, directory.path, ports.base, options)
  const document = (): StackDocument => readStackDocument(directory.path)
  const gateway = createGatewayClient(document().gateway)
  return {
    get document() {
      return document()
    },
    gateway,
    directory,
    pid: running.pid,
    token: ({ role, tenantId = document().demo?.tenantId ?? '', subject }) =>
      gateway.token({ role, tenantId, subject }),
    kill: (member) => killNow(pidOf(document(), member)),
    recovered: (member, killedPid) => recovered(document, member, killedPid),
    pidOf: (member) => pidOf(document(), member),
    stop: () => running.stop(),
    said: running.said,
    async [Symbol.asyncDispose]() {
      await running.stop()
      folder.remove()
      ports[Symbol.dispose]()
    },
  }
}

const startScript = fileURLToPath(import.meta.resolve('@csr/stack/start'))
const readyWithinMs = 120_000

type Running = {
  readonly pid: number
  readonly said: () => string
  readonly stop: () => Promise<number | null>
}

async function start(
  folder: Ephemeral,
  dataDir: string,
  portBase: number,
  options: TestStackOptions,
): Promise<Running> {
  const logFile = join(folder.dir, 'supervisor.log')
  const log = openSync(logFile, 'a')
  const { replicas = 1, natsNodes = 1 } = options
  const count = ['--replicas', String(replicas), '--nats-nodes', String(natsNodes)]
  const args = [startScript, '--data-dir', dataDir, '--port-base', String(portBase), ...count]
  const child = spawn(process.execPath, options.demo === true ? args : [...args, '--no-demo'], {
    stdio: ['ignore', 'pipe', log, 'ipc'],
    detached: true,
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...compileCache(), ...raisedLimits, ...options.env },
  })
  closeSync(log)
  const said = (): string => readFileSync(logFile, 'utf8')
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve))
  if (child.pid !== undefined) folder.adopt(child.pid, 'SIGTERM')
  try {
    await untilReady(child)
  } catch (error) {
    child.kill('SIGKILL')
    throw new Error(`the stack did not start: ${(error as Error).message}\n${said()}`, { cause: error })
  }
  const stop = (): Promise<number | null> => {
    child.kill('SIGTERM')
    return exited
  }
  return { pid: child.pid ?? 0, said, stop }
}

function compileCache(): Record<string, string> {
  const folder = process.env['NODE_COMPILE_CACHE']
  return folder === undefined ? {} : { NODE_COMPILE_CACHE: folder }
}

function untilReady(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`not ready after ${readyWithinMs} ms`)), readyWithinMs)
    let output = ''
    child.stdout?.on('data', (chunk: Buffer) => {
      output = (output + chunk.toString('utf8')).slice(-4_096)
      if (!output.includes('CSR Backbone is ready: ')) return
      clearTimeout(late)
      resolve()
    })
    child.once('exit', (code) => {
      clearTimeout(late)
      reject(new Error(`it ended with code ${code}`))
    })
  })
}

function pidOf(document: StackDocument, member: StackMember): number {
  const { keeper, nats, postgres } = document
  const nodes = Object.fromEntries(nats.nodes.map((node) => [node.name, node]))
  const named: Readonly<Record<string, { pid: number | null }>> = {
    keeper,
    nats,
    postgres,
    ...nodes,
    ...replicasByName(document),
  }
  const pid = named[member]?.pid
  if (pid === null || pid === undefined) throw new Error(`${member} does not run at this moment`)
  return pid
}

async function recovered(document: () => StackDocument, member: StackMember, killedPid: number): Promise<void> {
  await eventually(() => replaced(document(), member, killedPid), { withinMs: 60_000, what: `the return of ${member}` })
  for (const [name, { url }] of Object.entries(replicasByName(document()))) {
    await eventually(() => ready(url), { withinMs: 60_000, what: `the readiness of ${name}` })
  }
}

function replaced(document: StackDocument, member: StackMember, killedPid: number): void {
  if (pidOf(document, member) === killedPid) throw new Error(`stack.json still names process ${killedPid}`)
}

async function ready(url: string): Promise<void> {
  const answer = await fetch(`${url}/health/readiness`, { signal: AbortSignal.timeout(2_000) })
  if (!answer.ok) throw new Error(`status ${answer.status}: ${await answer.text()}`)
  await answer.arrayBuffer()
}
