import assert from 'node:assert/strict'
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import test from 'node:test'
import { createServiceTokens } from '@csr/http/service-tokens'
import { createKeyring } from '@csr/keyring/keyring'
import { systemClock } from '@csr/runtime/clock'
import { createIds } from '@csr/runtime/ids'
import { createLogger } from '@csr/runtime/logger'
import { freePort } from '@csr/stack/servers/ports'
import { signAccessToken } from '@csr/testkit/access-tokens'
import { privateDatabase } from '@csr/testkit/database'
import { eventually } from '@csr/testkit/eventually'
import { privateNats } from '@csr/testkit/nats'
import { testSecrets } from '@csr/testkit/secrets'
import { sign } from '@csr/testkit/webhooks'
import { kintellSession } from './sample-bodies.ts'

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url))

async function exitOf(child: ChildProcess): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  return child.exitCode
}

test('a bad environment is refused with all problems and no values', async () => {
  const child = fork(main, [], { env: { PORT: 'secret-value', DATABASE_URL: 'secret-value' }, silent: true })
  let said = ''
  child.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString()))
  assert.equal(await exitOf(child), 2)
  for (const name of ['PORT', 'DATABASE_URL', 'NATS_URL', 'ROOT_KEY_FILE', 'SERVICE_KEY_FILE'])
    assert.ok(said.includes(name), name)
  assert.ok(!said.includes('secret-value'))
})

test('P2: what was accepted while the bus was away, and before a kill, is in the stream once after both came back', async () => {
  await using database = await privateDatabase()
  await using nats = await privateNats()
  const secrets = await testSecrets()
  const clock = systemClock()
  const ids = createIds(clock)
  const logger = createLogger({ service: 'gateway', destination: { write: () => {} } })
  const tenantId = ids.uuid()
  {
    const keysUrl = database.keysUrl('csr_gateway')
    const { rootKeyFile, indexKeyFile } = secrets
    await using keyring = createKeyring({ service: 'gateway', keysUrl, rootKeyFile, indexKeyFile, logger, clock, ids })
    await keyring.start?.()
    await keyring.createTenant(tenantId)
  }
  const port = await freePort()
  const env = {
    ...{ CSR_MODE: 'development', PORT: String(port), LOG_LEVEL: 'error' },
    ...{ DATABASE_URL: database.url('csr_ingest'), WORKER_DATABASE_URL: database.url('csr_ingest_worker') },
    ...{ KEYS_DATABASE_URL: database.keysUrl('csr_ingest'), NATS_URL: nats.url },
    ...{ NATS_CREDENTIALS_FILE: nats.credentialsFile('ingest'), SERVICE_KEY_FILE: secrets.serviceKeyFile('ingest') },
    ...{
      PUBLIC_KEYS_DIR: secrets.publicKeysDir,
      ROOT_KEY_FILE: secrets.rootKeyFile,
      INDEX_KEY_FILE: secrets.indexKeyFile,
    },
  }
  const url = `http://127.0.0.1:${port}`
  const ready = (child: ChildProcess) =>
    eventually(
      async () => {
        assert.equal(child.exitCode, null)
        assert.equal((await fetch(`${url}/health/readiness`)).status, 200)
      },
      { withinMs: 20_000, what: 'ready' },
    )
  await using gateway = createServiceTokens({
    service: 'gateway',
    keyFile: secrets.serviceKeyFile('gateway'),
    clock,
    ids,
  })
  await gateway.start?.()
  const post = async (path: string, headers: Record<string, string>, body: string) => {
    const all = { 'x-service-token': gateway.tokenFor('ingest'), 'content-type': 'application/json', ...headers }
    const response = await fetch(`${url}${path}`, { method: 'POST', headers: all, body })
    return { status: response.status, body: (await response.json()) as Record<string, string> }
  }

  let child = fork(main, [], { env, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  try {
    await ready(child)
    const token = signAccessToken(secrets.gatewaySigningKeyFile, clock.nowMs(), { tenantId, role: 'company_admin' })
    const made = await post(
      '/v1/endpoints',
      { authorization: `Bearer ${token}` },
      JSON.stringify({ partner: 'kintell' }),
    )
    const send = async (number: number) => {
      const body = JSON.stringify(kintellSession({ sessionId: `s-${number}` }))
      const timestamp = Math.floor(clock.nowMs() / 1_000)
      const headers = sign({ secret: made.body['secret'] ?? '', id: `w-${number}`, timestamp, body })
      return await post(made.body['webhookPath'] ?? '', headers, body)
    }
    const sendMany = async (from: number, to: number) => {
      const answers = await Promise.all(Array.from({ length: to - from }, (_, index) => send(from + index)))
      assert.ok(answers.every(({ status, body }) => status === 202 && body['outcome'] === 'accepted'))
    }
    await sendMany(0, 20)
    await nats.kill()
    await sendMany(20, 60)
    child.kill('SIGKILL')
    await exitOf(child)
    await nats.start()
    child = fork(main, [], { env, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
    await ready(child)
    await sendMany(60, 80)

    const admin = await nats.connect('admin')
    const { jetstream } = await import('@nats-io/jetstream')
    const seen = await eventually(
      async () => {
        const consumer = await jetstream(admin).consumers.get('INGEST', {
          filter_subjects: 'ingest.session.completed.*',
        })
        const found: string[] = []
        const messages = await consumer.fetch({ max_messages: 200, expires: 1_000 })
        for await (const message of messages) found.push(message.json<{ data: { sourceId: string } }>().data.sourceId)
        assert.equal(new Set(found).size, 80)
        return found
      },
      { withinMs: 20_000, what: 'all 80 in the stream' },
    )
    assert.equal(seen.length, 80)
    await admin.close()
    child.kill('SIGTERM')
    assert.equal(await exitOf(child), 0)
  } finally {
    child.kill('SIGKILL')
  }
})
