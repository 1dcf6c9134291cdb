import assert from 'node:assert/strict'
import net from 'node:net'
import { after, before, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { createTelemetry } from '@csr/runtime/telemetry'
import { eventually } from '@csr/testkit/eventually'
import { createPostgres } from '../src/connect.ts'
import { PostgresUnavailable } from '../src/errors.ts'
import { openLane } from '../src/lane.ts'
import { statement } from '../src/statement.ts'
import { createScratch, silentLogger, tenantA, tenantSeen, type Scratch } from './scratch.ts'

let scratch: Scratch
before(async () => void (scratch = await createScratch()))
after(() => scratch[Symbol.asyncDispose]())

const never = new AbortController().signal

/** Passes bytes on to the server, or not: what a server that comes late or stops answering looks like. */
async function createGate(targetPort: number) {
  const sockets = new Set<net.Socket>()
  let open = true
  const server = net.createServer((socket) => {
    const target = net.connect(targetPort, '127.0.0.1')
    for (const [from, to] of [
      [socket, target],
      [target, socket],
    ] as const) {
      sockets.add(from)
      from.on('data', (bytes) => void (open && to.write(bytes)))
      from.on('error', () => undefined)
      // while it is shut neither side hears of the other's end
      from.on('close', () => (open && to.destroy(), sockets.delete(from)))
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as net.AddressInfo
  return {
    port,
    shut: () => (open = false),
    unshut: () => (open = true),
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function withPort(url: string, port: number): string {
  const changed = new URL(url)
  changed.port = String(port)
  return changed.href
}

test('P9: without a server the start succeeds, readiness says what is missing, and calls fail quickly', async () => {
  const gate = await createGate(1)
  await gate.close()
  const url = withPort(scratch.database.url('csr_ingest'), gate.port)
  await using connected = createPostgres({ name: 'postgres', url, logger: silentLogger })
  await connected.start?.()
  await eventually(() => assert.deepEqual(connected.readiness?.(), { ready: false, missing: 'postgres: ECONNREFUSED' }))
  const startMs = performance.now()
  await assert.rejects(connected.group(tenantA, [tenantSeen]), (error) => {
    return error instanceof PostgresUnavailable && error.committed === 'no' && error.code === 'ECONNREFUSED'
  })
  assert.ok(performance.now() - startMs < 800)
})

test('P9: a server that stops answering makes an idle pool not ready, and ready again when it answers', async () => {
  const gate = await createGate(scratch.database.server.port)
  const connected = await scratch.open({ url: withPort(scratch.database.url('csr_ingest'), gate.port) })
  try {
    await eventually(() => assert.deepEqual(connected.readiness?.(), { ready: true }))
    gate.shut()
    await eventually(() => assert.equal(connected.readiness?.().ready, false), { withinMs: 4_000 })
    gate.unshut()
    await eventually(() => assert.equal(connected.readiness?.().ready, true), { withinMs: 2_000 })
    assert.equal((await connected.group(tenantA, [tenantSeen])).length, 1)
  } finally {
    await gate.close()
  }
})

test('closing lets running groups end and refuses new ones', async () => {
  const connected = await scratch.open({ connectionsMax: 2 })
  await connected.group(tenantA, [tenantSeen])
  const running = connected.group(tenantA, [statement<{ done: number }>('select 1 as done from pg_sleep(0.3)')])
  await turn()
  const closing = connected[Symbol.asyncDispose]()
  const late = connected.group(tenantA, [tenantSeen])
  await assert.rejects(late, (error) => error instanceof PostgresUnavailable && error.reason === 'closed')
  assert.deepEqual(await running, [[{ done: 1 }]])
  await closing
  await eventually(async () => {
    const rows =
      await scratch.admin`select from pg_stat_activity where usename = 'csr_ingest' and application_name = 'closing'`
    assert.equal(rows.length, 0)
  })
})

test('who asks to be told of the end of a connection that has ended already is told at once', async () => {
  const url = scratch.database.url('csr_ingest')
  const lane = await openLane({ url, applicationName: 'ended', openMs: 5_000 })
  let told = 0
  lane.onClose(() => (told += 1))
  lane.destroy()
  lane.onClose(() => (told += 1))
  assert.equal(told, 2)
})

test('groups are counted by outcome', async () => {
  const telemetry = createTelemetry('test')
  const connected = await scratch.open({ telemetry })
  await connected.group(tenantA, [tenantSeen])
  await assert.rejects(connected.group(tenantA, [statement('select 1 / 0')]))
  const text = await telemetry.exposition()
  assert.match(text, /postgres_group_seconds_count\{[^}]*role="tenants"[^}]*\} 1/)
  assert.match(text, /postgres_groups_failed_total\{[^}]*reason="refused-22"[^}]*\} 1/)
  assert.match(text, /postgres_connections\{[^}]*role="tenants"[^}]*\} \d/)
})

test('a lock has one holder, and the next one follows when it is given back', async () => {
  const [first, second] = [await scratch.open(), await scratch.open()]
  const held = await first.hold('relay', never)
  let follows = false
  const next = second.hold('relay', never).then((lock) => ((follows = true), lock))
  const unrelated = await second.hold('another', never)
  assert.equal(follows, false)
  await held[Symbol.asyncDispose]()
  const followed = await next
  assert.deepEqual([held.lost.aborted, followed.lost.aborted], [true, false])
  await followed[Symbol.asyncDispose]()
  await unrelated[Symbol.asyncDispose]()
})

test('a lock whose connection ends is lost at once, and can be held again', async () => {
  const connected = await scratch.open({ name: 'lossy' })
  const held = await connected.hold('relay', never)
  await scratch.admin`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'lossy-lock'`
  await eventually(() => assert.ok(held.lost.aborted), { withinMs: 500 })
  const again = await connected.hold('relay', never)
  assert.equal(again.lost.aborted, false)
  await again[Symbol.asyncDispose]()
})

test('a lock is lost within about two seconds when the server stops answering', async () => {
  const gate = await createGate(scratch.database.server.port)
  const connected = await scratch.open({ workerUrl: withPort(scratch.database.url('csr_ingest_worker'), gate.port) })
  const held = await connected.hold('relay', never)
  gate.shut()
  await eventually(() => assert.ok(held.lost.aborted), { withinMs: 2_500 })
  await gate.close()
})

test('a holder that is cut off loses its lock within seconds, although its connection lives on at the server', async () => {
  const gate = await createGate(scratch.database.server.port)
  const cutOff = await scratch.open({ workerUrl: withPort(scratch.database.url('csr_ingest_worker'), gate.port) })
  const standby = await scratch.open()
  const held = await cutOff.hold('relay', never)
  gate.shut()
  const cutMs = performance.now()
  const followed = await standby.hold('relay', never)
  assert.ok(performance.now() - cutMs < 8_000)
  assert.ok(held.lost.aborted)
  await followed[Symbol.asyncDispose]()
  await gate.close()
})

test('a lock that is held for long and asked about is kept', async () => {
  const connected = await scratch.open()
  const held = await connected.hold('relay', never)
  const endMs = performance.now() + 6_500
  await eventually(() => assert.ok(performance.now() > endMs), { withinMs: 8_000 })
  assert.equal(held.lost.aborted, false)
  await held[Symbol.asyncDispose]()
})

test('waiting for a lock ends when the caller gives up', async () => {
  const connected = await scratch.open()
  const held = await connected.hold('relay', never)
  const patience = new AbortController()
  const waiting = connected.hold('relay', patience.signal)
  patience.abort(new Error('enough'))
  await assert.rejects(waiting)
  await held[Symbol.asyncDispose]()
})
