import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { services } from '@csr/contracts/services'
import { dataDirectory } from '@csr/stack/data-directory'
import { logFile } from '@csr/stack/log-files'
import { readRegistry } from '@csr/stack/process-registry'
import { isPortFree } from '@csr/stack/servers/ports'
import { readStackDocument, type StackDocument } from '@csr/stack/stack-document'
import { eventually } from '@csr/testkit/eventually'
import { sign } from '@csr/testkit/webhooks'
import { ephemeralDirectory, pidsOf, readyLine, startStack, stillRunning, type StartedStack } from './started-stack.ts'

let dataDir: string
let first: StackDocument

before(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'csr-e2e-'))
})

after(async () => {
  await Promise.all(started.map(end))
  rmSync(dataDir, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })
})

test('a start ends in the ready line, alone on its line, and stack.json tells what runs', async () => {
  const stack = await start()
  first = await stack.ready()
  const lines = stack.stdout().trimEnd().split('\n')
  assert.match(lines.at(-1) ?? '', readyLine)
  assert.equal(readyLine.exec(lines.at(-1) ?? '')?.[1], first.gateway)

  const { stackFile, natsDir, postgresDir, logsDir } = dataDirectory(dataDir)
  assert.equal(statSync(stackFile).mode & 0o777, 0o600)
  assert.deepEqual(Object.keys(first.services), [...services])
  assert.deepEqual(stillRunning(pidsOf(first)), [...services, 'keeper', 'postgres', 'nats'])
  assert.deepEqual([first.nats.storeDir, first.postgres.dataDir, first.logsDir], [natsDir, postgresDir, logsDir])
  assert.deepEqual(Object.keys(first.demo?.partners ?? {}), ['kintell', 'buddy', 'upskilling'])
  assert.equal(await sendSession(first), 'accepted')
})

test('what is killed comes back, is found in stack.json again, and webhooks are accepted', async () => {
  for (const victim of ['profile', 'gateway', 'keeper', 'nats', 'postgres']) {
    const killed = pidsOf(readStackDocument(dataDir)).get(victim) ?? 0
    process.kill(killed, 'SIGKILL')
    await eventually(
      () => {
        const now = pidsOf(readStackDocument(dataDir)).get(victim)
        assert.ok(now !== undefined && now !== killed, `${victim} has a new pid`)
      },
      { withinMs: 20_000 },
    )
    await eventually(async () => assert.equal(await sendSession(first), 'accepted'), { withinMs: 30_000, what: victim })
  }
})

test('a second stack on the directory, or on the ports, is refused and says what to do', async () => {
  const [running] = started
  const second = await startStack({ dataDir })
  assert.equal(await second.exited(), 1)
  assert.match(second.stderr(), new RegExp(`in use by process ${running?.pid}\\b.*--data-dir`, 's'))
  assert.equal(second.stdout(), '')

  const elsewhere = mkdtempSync(join(tmpdir(), 'csr-e2e-'))
  const third = await startStack({ dataDir: elsewhere, portBase: Number(new URL(first.gateway).port) })
  assert.equal(await third.exited(), 1)
  assert.match(third.stderr(), /Port \d+ \(gateway\) is in use.*--port-base/s)
  rmSync(elsewhere, { recursive: true, force: true })
  assert.deepEqual(stillRunning(pidsOf(readStackDocument(dataDir))).length, services.length + 3)
})

test('SIGTERM, sent twice as npm does, ends everything within 20 s with exit code 0', async () => {
  const [stack] = started
  assert.ok(stack)
  const pids = pidsOf(readStackDocument(dataDir))
  const askedMs = performance.now()
  stack.kill('SIGTERM')
  stack.kill('SIGTERM')
  assert.equal(await stack.exited(), 0)
  assert.ok(performance.now() - askedMs < 20_000)
  assert.deepEqual(stillRunning(pids), [])
  assert.equal(existsSync(dataDirectory(dataDir).stackFile), false)
  assert.match(stack.stdout().trimEnd().split('\n').at(-1) ?? '', readyLine)
})

test('a second start takes less than 15 s and carries on: same tenant, same secrets, same server ports', async () => {
  const startedMs = performance.now()
  const stack = await start()
  const second = await stack.ready()
  assert.ok(performance.now() - startedMs < 15_000)
  assert.deepEqual(second.demo?.tenantId, first.demo?.tenantId)
  assert.equal(second.demo?.partners.kintell?.secret, first.demo?.partners.kintell?.secret)
  assert.equal(second.postgres.url, first.postgres.url)
  assert.equal(second.nats.url, first.nats.url)
  assert.equal(await sendSession(second), 'accepted')
})

test('a killed supervisor leaves nothing behind', async () => {
  const stack = started.at(-1)
  assert.ok(stack)
  const pids = pidsOf(readStackDocument(dataDir))
  stack.kill('SIGKILL')
  await stack.exited()
  await eventually(() => assert.deepEqual(stillRunning(pids), []), { withinMs: 20_000 })
  await eventually(() => assert.equal(existsSync(dataDirectory(dataDir).stackFile), false))
})

test('SIGTERM while it starts ends what runs so far with exit code 0', async () => {
  const stack = await start()
  const { registryFile } = dataDirectory(dataDir)
  const registered = await eventually(() => {
    const processes = readRegistry(registryFile)?.processes ?? []
    assert.ok(processes.some(({ name }) => name === 'postgres'))
    return new Map(processes.map(({ name, pid }) => [name, pid]))
  })
  stack.kill('SIGTERM')
  assert.equal(await stack.exited(), 0)
  assert.deepEqual(stillRunning(registered), [])
  assert.equal(existsSync(registryFile), false)
  assert.equal(stack.stdout(), '')
})

test('a second request more than 5 s after the first ends everything at once, also what hangs', async () => {
  const stack = await start()
  const document = await stack.ready()
  const pids = pidsOf(document)
  for (const hanging of ['gateway', 'profile']) process.kill(pids.get(hanging) ?? 0, 'SIGSTOP')
  const askedMs = performance.now()
  stack.kill('SIGTERM')
  await eventually(() => assert.ok(performance.now() - askedMs > 5_100), { withinMs: 8_000 })
  stack.kill('SIGTERM')
  assert.equal(await stack.exited(), 1)
  assert.ok(performance.now() - askedMs < 9_000)
  await eventually(() => assert.deepEqual(stillRunning(pids), []))
})

test('SIGTERM to npm ends everything, and an ephemeral stack takes its directory along', async () => {
  const stack = await start({ through: 'npm', demo: false })
  const document = await stack.ready()
  const directory = ephemeralDirectory(stack.stderr())
  assert.ok(existsSync(directory))
  stack.kill('SIGTERM')
  assert.equal(await stack.exited(), 0)
  assert.deepEqual(stillRunning(pidsOf(document)), [])
  assert.equal(existsSync(directory), false)
})

test('Ctrl-C, which reaches npm and all its children at once, ends everything in order', async () => {
  const stack = await start({ through: 'npm', dataDir })
  const document = await stack.ready()
  stack.interrupt()
  assert.equal(await stack.exited(), 0)
  assert.deepEqual(stillRunning(pidsOf(document)), [])
  // What was logged just before may come to the file just after: of the lines about its life the last one counts.
  const log = readFileSync(logFile(document.logsDir, 'gateway'), 'utf8').trimEnd().split('\n')
  const life = log.filter((line) => /"event":"(started|stopping|stopped)"/.test(line))
  assert.match(life.at(-1) ?? '', /"event":"stopped"/)
  assert.equal(await isPortFree(Number(new URL(document.gateway).port)), true)
})

const started: StartedStack[] = []

async function start(options: Parameters<typeof startStack>[0] = { dataDir }): Promise<StartedStack> {
  const stack = await startStack(options)
  started.push(stack)
  return stack
}

async function end(stack: StartedStack): Promise<void> {
  stack.kill('SIGTERM')
  await stack.exited()
}

/** Sends a signed Kintell session with ids of its own and returns the outcome, or the status where there is none. */
async function sendSession(document: StackDocument): Promise<string> {
  const { webhookUrl, secret } = document.demo?.partners.kintell ?? { webhookUrl: '', secret: '' }
  const now = new Date()
  const body = JSON.stringify({
    type: 'session.completed',
    timestamp: now.toISOString(),
    data: {
      sessionId: randomUUID(),
      sessionType: 'language',
      participant: { email: 'participant-1@example.org' },
      volunteer: { email: 'volunteer-1@example.org' },
      scheduledAt: now.toISOString(),
    },
  })
  const headers = sign({ secret, id: `msg_${randomUUID()}`, timestamp: Math.floor(now.getTime() / 1_000), body })
  const answer = await fetch(webhookUrl, { method: 'POST', headers, body, signal: AbortSignal.timeout(5_000) })
  const { outcome } = (await answer.json()) as { outcome?: string }
  return outcome ?? String(answer.status)
}
