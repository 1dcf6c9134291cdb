import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { eventually } from '@csr/testkit/eventually'
import { applyAll, connectAs } from '@csr/testkit/nats'
import { testSecrets, type TestSecrets } from '@csr/testkit/secrets'
import type { NatsConnection } from '@nats-io/transport-node'
import { createDataDirectory, dataDirectory, type DataDirectory } from '../src/data-directory.ts'
import type { Health } from '../src/health-policy.ts'
import { natsProgram } from '../src/programs.ts'
import { natsHealth } from '../src/servers/nats-server.ts'
import { freePort } from '../src/servers/ports.ts'
import type { Program } from '../src/supervised-process.ts'
import { Supervisor } from '../src/supervisor.ts'

/*
 * A server that could not write for a moment. The kernel refuses the running process every byte beyond a size (which needs
 * no right and no file system of its own), the server meets that as it meets a full disk, and then the limit is taken away.
 */
const health = { everyMs: 50, patience: [3], wellAfter: 1_000 }
let directory: DataDirectory
let supervisor: Supervisor
let secrets: TestSecrets
const cures: string[] = []

beforeEach(async () => {
  directory = dataDirectory(mkdtempSync(join(tmpdir(), 'csr-health-')))
  createDataDirectory(directory)
  secrets = await testSecrets()
  cures.length = 0
  supervisor = new Supervisor({
    directory,
    health,
    onCuring: (program, because) => cures.push(`${program.name}: ${because}`),
  })
  await supervisor.open()
})
afterEach(async () => {
  await supervisor.force()
  rmSync(directory.path, { recursive: true, force: true })
})

type Server = { readonly url: string; readonly program: Program; readonly health: () => Promise<Health> }

async function startServer(change: (program: Program) => Program = (program) => program): Promise<Server> {
  const place = { port: await freePort(), monitorPort: await freePort(), storeDir: directory.natsDir }
  const files = { configFile: join(directory.path, 'nats.conf'), credentialsFile: secrets.natsCredentialsFile }
  const program = change(natsProgram('nats', { ...place, ...files }))
  await supervisor.run(program)
  const url = `nats://127.0.0.1:${place.port}`
  await applyAll(() => connectAs('admin', [url], secrets))
  return { url, program, health: () => natsHealth(place) }
}

function limitFiles(bytes: number | 'unlimited'): void {
  execFileSync('prlimit', ['--pid', String(supervisor.pidOf('nats')), `--fsize=${bytes}:`])
}

async function isStored(connection: NatsConnection): Promise<boolean> {
  try {
    const answer = await connection.request('ingest.session.completed.v1', 'x'.repeat(20_000), { timeout: 500 })
    return answer.json<{ stream?: string }>().stream === 'INGEST'
  } catch {
    return false
  }
}

async function breakWrites(server: Server): Promise<NatsConnection> {
  const connection = await connectAs('ingest', [server.url], secrets)
  assert.equal(await isStored(connection), true)
  assert.deepEqual(await server.health(), { state: 'well' })
  limitFiles(4_096)
  assert.equal(await isStored(connection), false)
  return connection
}

test('P9: nats-server that takes no writes although there is room again is restarted once, says why, and takes them', async () => {
  const server = await startServer()
  const first = supervisor.pidOf('nats')
  const connection = await breakWrites(server)
  await eventually(() => assert.equal(cures.length, 1))
  assert.match(cures[0] ?? '', /^nats: JetStream stream '.*INGEST' write error: .*file too large$/)
  await eventually(async () => assert.equal(await isStored(connection), true), { withinMs: 15_000 })
  assert.notEqual(supervisor.pidOf('nats'), first)
  assert.deepEqual(await server.health(), { state: 'well' })
  assert.deepEqual([cures.length, supervisor.member('nats')?.cures], [1, 1])
  await connection.close()
})

test('while there is no room, and while it is paused, it is left alone', async () => {
  let room = false
  const answers: string[] = []
  const server = await startServer((program) => ({
    ...program,
    async health() {
      const said = (await program.health?.()) ?? { state: 'unclear' }
      answers.push(said.state)
      return said.state === 'broken' ? { ...said, curable: said.curable && room } : said
    },
  }))
  const pid = supervisor.pidOf('nats') ?? 0
  const connection = await breakWrites(server)
  const heard = async (state: string, times: number): Promise<void> => {
    answers.length = 0
    await eventually(() => assert.ok(answers.filter((one) => one === state).length >= times), { withinMs: 15_000 })
  }
  await heard('broken', 10)
  process.kill(pid, 'SIGSTOP')
  room = true
  await heard('unclear', 4)
  assert.deepEqual([supervisor.pidOf('nats'), cures], [pid, []])
  process.kill(pid, 'SIGCONT')
  await eventually(() => assert.equal(cures.length, 1))
  await connection.close()
})
