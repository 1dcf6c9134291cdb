import { execFileSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { services } from '@csr/contracts/services'
import { sendSignal } from '@csr/stack/process-identity'
import { replicasByName, type StackDocument } from '@csr/stack/stack-document'
import { eventually } from '@csr/testkit/eventually'
import { privateStack, type StackMember, type TestStack, type TestStackOptions } from '@csr/testkit/stack'
import postgres from 'postgres'

/** Everything that can be killed and paused on its own. */
export const members: readonly StackMember[] = [...services, 'keeper', 'nats', 'postgres']

type Environment = Readonly<Record<string, string>>

/** The system under test: a stack of its own that can be stopped and started again on the same data. */
export type RigStack = AsyncDisposable & {
  /** `stack.json`, as it was last read while one was there */
  readonly document: StackDocument
  /** what the clock of every service is ahead of the machine's */
  readonly clockOffsetSeconds: number
  readonly token: TestStack['token']
  readonly pidOf: (member: StackMember) => number
  /** SIGKILL; resolves when the process is gone */
  readonly kill: (member: StackMember) => Promise<void>
  /** PostgreSQL with all its children, which do not hear what the first of them hears */
  readonly signal: (member: StackMember | 'supervisor', signal: NodeJS.Signals) => void
  /** resolves when another process runs in the place of this one */
  readonly replaced: (member: StackMember, pid: number) => Promise<void>
  /** resolves when every process is there and every service says that it is ready */
  readonly ready: (withinMs: number) => Promise<void>
  /** Stops everything in order, does `between` with the data at rest, and starts it again with these settings on top. */
  readonly restart: (change: { env?: Environment; between?: () => Promise<void> | void }) => Promise<void>
  /** Asks the database as superuser, on a connection of its own: whatever is broken, an answer or an error within 20 s. */
  readonly ask: <Result>(question: (sql: postgres.Sql) => Promise<Result>) => Promise<Result>
}

/** Starts one on `dataDir`; it is left there at the end. */
export async function startRigStack(dataDir: string, needs: Omit<TestStackOptions, 'dataDir'> = {}): Promise<RigStack> {
  let env: Environment = needs.env ?? {}
  let stack = await privateStack({ ...needs, dataDir, env })
  let lastDocument = stack.document

  function document(): StackDocument {
    try {
      lastDocument = stack.document
    } catch {
      // between a stop and the next start there is none
    }
    return lastDocument
  }

  return {
    get document() {
      return document()
    },
    get clockOffsetSeconds() {
      return Number(env['CSR_CLOCK_OFFSET_SECONDS'] ?? 0)
    },
    token: (wanted) => stack.token(wanted),
    pidOf: (member) => stack.pidOf(member),
    kill: (member) => stack.kill(member),
    signal(member, signal) {
      const pid = member === 'supervisor' ? stack.pid : stack.pidOf(member)
      for (const each of member === 'postgres' ? withChildren(pid) : [pid]) sendSignal(each, signal)
    },
    replaced: (member, pid) =>
      eventually(() => differs(stack.pidOf(member), pid), { withinMs: 60_000, what: `the return of ${member}` }),
    ready: (withinMs) =>
      eventually(() => everythingReady(document()), { withinMs, what: 'every process there and ready' }),
    async restart(change) {
      await stack[Symbol.asyncDispose]()
      await change.between?.()
      env = { ...env, ...change.env }
      stack = await privateStack({ ...needs, dataDir, env })
    },
    ask: (question) => ask(document().postgres.superuserUrl, question),
    async [Symbol.asyncDispose]() {
      // a supervisor that still sleeps would not hear that it should end
      sendSignal(stack.pid, 'SIGCONT')
      await stack[Symbol.asyncDispose]()
    },
  }
}

/** Removes what a rig without `--keep` leaves. */
export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })
}

function withChildren(pid: number): number[] {
  const output = execFileSync('ps', ['-e', '-o', 'pid=,ppid='], { encoding: 'utf8' })
  const pairs = output
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
  return [pid, ...pairs.flatMap(([child, parent]) => (parent === pid && child !== undefined ? [child] : []))]
}

function differs(pid: number, before: number): void {
  if (pid === before) throw new Error(`process ${before} still runs`)
}

async function everythingReady(document: StackDocument): Promise<void> {
  const { keeper, nats, postgres: database } = document
  const running = replicasByName(document)
  const nodes = Object.fromEntries(nats.nodes.map((node) => [node.name, node]))
  for (const [name, { pid }] of Object.entries({ ...running, keeper, nats, ...nodes, postgres: database })) {
    if (
      pid === null &&
      !(name === 'nats' && nats.storeDir === null) &&
      !(name === 'postgres' && database.dataDir === null)
    )
      throw new Error(`${name} does not run`)
  }
  for (const [name, { url }] of Object.entries(running)) {
    const answer = await fetch(`${url}/health/readiness`, { signal: AbortSignal.timeout(2_000) })
    const text = await answer.text()
    if (!answer.ok) throw new Error(`${name}: ${text}`)
  }
}

async function ask<Result>(superuserUrl: string, question: (sql: postgres.Sql) => Promise<Result>): Promise<Result> {
  const url = new URL(superuserUrl)
  url.pathname = '/csr'
  const sql = postgres(url.href, { max: 1, connect_timeout: 3, onnotice: () => undefined })
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error(`the database did not answer within ${askWithinMs} ms`)), askWithinMs)
  try {
    return await Promise.race([question(sql), late])
  } finally {
    clearTimeout(timer)
    await sql.end({ timeout: 0 }).catch(() => undefined)
  }
}

const askWithinMs = 20_000
