import assert from 'node:assert/strict'
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { ephemeralFolder, killNow, type Ephemeral } from '@csr/testkit/ephemeral'
import postgres from 'postgres'
import { identify } from '../src/process-identity.ts'
import { freePort } from '../src/servers/ports.ts'
import { startPostgres, type PostgresOptions, type PostgresServer } from '../src/servers/postgres.ts'
import { explainLog } from '../src/servers/server-error.ts'
import { startInOtherProcess } from './other-process.ts'

let folder: Ephemeral
/** one cluster that most tests start and stop in turn */
let cluster: PostgresOptions
before(async () => {
  folder = ephemeralFolder()
  cluster = await optionsFor('cluster')
})
after(() => folder.remove())

async function optionsFor(name: string): Promise<PostgresOptions> {
  return {
    dataDir: join(folder.dir, name),
    port: await freePort(),
    logFile: join(folder.dir, `${name}.log`),
    superuserPassword: 'correct-horse-battery-staple',
  }
}

async function start(options: PostgresOptions): Promise<PostgresServer> {
  const server = await startPostgres(options)
  folder.adopt(server.pid, 'SIGQUIT')
  return server
}

async function ask(url: string, question: string): Promise<Record<string, unknown>[]> {
  const sql = postgres(url, { max: 1, connect_timeout: 5, onnotice: () => {} })
  try {
    return [...(await sql.unsafe(question))]
  } finally {
    await sql.end({ timeout: 1 })
  }
}

test('P1: what makes a commit durable is on and cannot be switched off from inside', async () => {
  await using server = await start(cluster)
  const rows = await ask(server.superuserUrl, 'select name, setting, source from pg_settings')
  const settings = new Map(rows.map(({ name, setting, source }) => [name, { setting, source }]))
  for (const name of ['fsync', 'synchronous_commit', 'full_page_writes']) {
    assert.deepEqual(settings.get(name), { setting: 'on', source: 'command line' }, name)
  }
  assert.equal(settings.get('log_parameter_max_length_on_error')?.setting, '0')
  assert.equal(settings.get('log_error_verbosity')?.setting, 'terse')
  assert.equal(settings.get('listen_addresses')?.setting, '127.0.0.1')
  assert.equal(settings.get('unix_socket_directories')?.setting, '')
  assert.equal(settings.get('max_connections')?.setting, '500')
})

test('a wrong password and a missing one are refused', async () => {
  await using server = await start(cluster)
  await assert.rejects(ask(server.url('postgres', 'wrong', 'postgres'), 'select 1'), { code: '28P01' })
  await assert.rejects(ask(server.url('postgres', '', 'postgres'), 'select 1'), /28P01|password/i)
})

test('P4: the log repeats neither a statement nor the values of a row that was refused', async () => {
  await using server = await start(cluster)
  await ask(server.superuserUrl, 'create table people (email text primary key)')
  await ask(server.superuserUrl, "insert into people values ('participant-1@example.org')")
  await assert.rejects(ask(server.superuserUrl, "insert into people values ('participant-1@example.org')"), {
    code: '23505',
  })
  const log = readFileSync(cluster.logFile, 'utf8')
  assert.match(log, /duplicate key value/)
  assert.doesNotMatch(log, /participant-1/)
})

test('P1: after a kill of the postmaster the next start waits for its children, clears the lock and keeps what was committed', async () => {
  const first = await start(cluster)
  await ask(first.superuserUrl, 'create table kept as select 42 as answer')
  const busy = postgres(first.superuserUrl, { max: 1, onnotice: () => {} })
  const sleeping = busy`select pg_sleep(60)`.catch(() => null)
  await killNow(first.pid)
  assert.ok(existsSync(join(cluster.dataDir, 'postmaster.pid')), 'the kill leaves the lock')
  await using second = await start(cluster)
  assert.notEqual(second.pid, first.pid)
  assert.deepEqual({ ...(await ask(second.superuserUrl, 'select answer from kept'))[0] }, { answer: 42 })
  await busy.end({ timeout: 1 })
  await sleeping
})

test('a lock that names a process of somebody else does not keep the server from starting', async () => {
  const first = await start(cluster)
  await killNow(first.pid)
  writeFileSync(
    join(cluster.dataDir, 'postmaster.pid'),
    `${process.pid}\n${cluster.dataDir}\n1\n${cluster.port}\n\n\n\n\n`,
  )
  await using second = await start(cluster)
  assert.equal((await ask(second.superuserUrl, 'select 1 as one')).length, 1)
})

test('a server whose starter was killed is ended by the next start', async () => {
  const starter = await startInOtherProcess('postgres', cluster)
  folder.adopt(starter.serverPid, 'SIGQUIT')
  await starter.kill()
  assert.notEqual(identify(starter.serverPid), null, 'the orphan runs on')
  await using second = await start(cluster)
  assert.equal(identify(starter.serverPid), null)
  assert.equal((await ask(second.superuserUrl, 'select 1 as one')).length, 1)
})

test('a directory in use is refused and the refusal names the process', async () => {
  const starter = await startInOtherProcess('postgres', cluster)
  folder.adopt(starter.serverPid, 'SIGQUIT')
  await assert.rejects(startPostgres(cluster), (error: Error & { code?: string }) => {
    assert.equal(error.code, 'directory-in-use')
    assert.match(error.message, new RegExp(`process ${starter.pid}\\b`))
    assert.match(error.message, /--data-dir/)
    return true
  })
  await starter.kill()
  await using orphanEnded = await start(cluster)
  assert.equal(identify(starter.serverPid), null)
  assert.ok(orphanEnded.pid > 0)
})

test('a port in use is refused with the way out', async () => {
  const taken = createServer().listen(cluster.port, '127.0.0.1')
  await assert.rejects(startPostgres(cluster), (error: Error & { code?: string }) => {
    assert.equal(error.code, 'port-in-use')
    assert.match(error.message, new RegExp(`${cluster.port}.*--port-base`))
    return true
  })
  taken.close()
  await once(taken, 'close')
  assert.equal(existsSync(`${cluster.dataDir}.owner.json`), false, 'a start that failed holds nothing')
})

test('a cluster whose creation was cut off is made anew', async () => {
  const options = await optionsFor('cut')
  mkdirSync(join(`${options.dataDir}.unfinished`, 'base'), { recursive: true })
  writeFileSync(join(`${options.dataDir}.unfinished`, 'PG_VERSION'), '18\n')
  await using server = await start(options)
  assert.equal((await ask(server.superuserUrl, 'select 1 as one')).length, 1)
  assert.equal(existsSync(`${options.dataDir}.unfinished`), false)
  assert.equal(existsSync(`${options.dataDir}.password`), false)
})

test('a folder with files that are no cluster is left alone and refused', async () => {
  const options = await optionsFor('foreign')
  mkdirSync(options.dataDir)
  writeFileSync(join(options.dataDir, 'letters.txt'), 'dear example')
  await assert.rejects(startPostgres(options), { code: 'directory-foreign' })
  assert.ok(existsSync(join(options.dataDir, 'letters.txt')))
})

test('an orderly stop leaves nothing behind', async () => {
  const server = await start(cluster)
  await server.stop()
  assert.equal(identify(server.pid), null)
  assert.equal(existsSync(join(cluster.dataDir, 'postmaster.pid')), false)
  assert.equal(existsSync(`${cluster.dataDir}.owner.json`), false)
})

test('a disk that is full is named', () => {
  const said = 'FATAL:  could not write to file "pg_wal/xlogtemp.1": No space left on device'
  const error = explainLog('PostgreSQL', said, { port: 1, directory: '/data' })
  assert.equal(error?.code, 'disk-full')
  assert.match(error?.message ?? '', /\/data.*full/)
})

// Only root can give data to another user; anybody else runs the server as they are.
if (process.getuid?.() === 0) {
  test('as root, a server whose data belongs to another user runs as that user', async () => {
    chmodSync(folder.dir, 0o755)
    const options = await optionsFor('as-user')
    mkdirSync(options.dataDir)
    chownSync(options.dataDir, 1, 1)
    await using server = await start(options)
    assert.equal(statSync(join(options.dataDir, 'PG_VERSION')).uid, 1)
    assert.equal(statSync(`/proc/${server.pid}`).uid, 1)
    assert.equal((await ask(server.superuserUrl, 'select 1 as one')).length, 1)
  })
}
