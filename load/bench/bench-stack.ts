import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { createGatewayClient, type GatewayClient } from '@csr/stack/gateway-client'
import { readStackDocument, type StackDocument } from '@csr/stack/stack-document'
import { raisedLimits } from '@csr/testkit/raised-limits'
import postgres from 'postgres'
import { end, programPath } from './child-program.ts'

/** The whole system in a directory of its own, as `npm start` runs it, and the bare twin beside it. */
export type BenchStack = AsyncDisposable & {
  readonly document: StackDocument
  readonly kintell: { readonly url: string; readonly secret: string }
  readonly tenantId: string
  readonly client: GatewayClient
  /** for looking in from outside, as no service could */
  readonly superuser: postgres.Sql
  readonly pids: Readonly<Record<string, number>>
  readonly twin: { readonly gateway: string; readonly service: string; readonly pids: Readonly<Record<string, number>> }
}

/** Starts system and twin on ports from `portBase`; both live until disposal. */
export async function startBenchStack(portBase: number, note: (text: string) => void): Promise<BenchStack> {
  const dataDir = mkdtempSync(`${tmpdir()}/csr-bench-`)
  note(`starting the system in ${dataDir}`)
  const stack = await startSystem(dataDir, portBase)
  const document = readStackDocument(dataDir)
  const kintell = document.demo?.partners.kintell
  if (!kintell || !document.demo) throw new Error('the demo tenant has no Kintell endpoint')
  note('starting the twin')
  const twin = await startTwin(document, kintell.secret, portBase + 20)
  const superuser = postgres(inDatabase('csr', document.postgres.superuserUrl), { max: 2, onnotice: () => undefined })
  return {
    document,
    kintell: { url: kintell.webhookUrl, secret: kintell.secret },
    tenantId: document.demo.tenantId,
    client: createGatewayClient(document.gateway),
    superuser,
    pids: pidsOf(document),
    twin: twin.described,
    async [Symbol.asyncDispose]() {
      await superuser.end()
      for (const child of twin.children) await end(child)
      await end(stack)
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
}

function inDatabase(name: string, url: string): string {
  const changed = new URL(url)
  changed.pathname = `/${name}`
  return changed.href
}

async function startSystem(dataDir: string, portBase: number): Promise<ChildProcess> {
  const child = spawn(
    process.execPath,
    [
      programPath('../../packages/stack/src/start.ts'),
      '--data-dir',
      dataDir,
      '--port-base',
      String(portBase),
      '--no-demo',
    ],
    { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...raisedLimits } },
  )
  let told = ''
  await new Promise<void>((resolve, reject) => {
    child.stdout.on('data', (chunk: Buffer) => {
      told += chunk.toString()
      if (told.includes('CSR Backbone is ready')) resolve()
    })
    child.stderr.on('data', (chunk: Buffer) => (told += chunk.toString()))
    child.once('exit', (code) => reject(new Error(`the system ended (${code}):\n${told}`)))
  })
  return child
}

async function startTwin(document: StackDocument, secret: string, portBase: number) {
  const servicePort = portBase + 1
  const key = secret.replace(/^whsec_/, '')
  const service = await startNode('../twin/service.ts', [String(servicePort), document.postgres.superuserUrl, key])
  const gateway = await startNode('../twin/gateway.ts', [String(portBase), `http://127.0.0.1:${servicePort}`])
  return {
    children: [gateway, service],
    described: {
      gateway: `http://127.0.0.1:${portBase}`,
      service: `http://127.0.0.1:${servicePort}`,
      pids: { gateway: gateway.pid ?? 0, service: service.pid ?? 0, postgres: document.postgres.pid ?? 0 },
    },
  }
}

async function startNode(path: string, argumentList: readonly string[]): Promise<ChildProcess> {
  const child = spawn(process.execPath, [programPath(path), ...argumentList], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  await new Promise<void>((resolve, reject) => {
    child.once('message', () => resolve())
    child.once('exit', (code) => reject(new Error(`${path} ended (${code})`)))
  })
  return child
}

function pidsOf(document: StackDocument): Record<string, number> {
  const services = Object.entries(document.services).map(([name, service]) => [name, service.pid ?? 0])
  return { ...Object.fromEntries(services), postgres: document.postgres.pid ?? 0, nats: document.nats.pid ?? 0 }
}
