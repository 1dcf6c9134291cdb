import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { createEvent } from '@csr/contracts/events/create-event'
import type { EventOf } from '@csr/contracts/events/catalog'
import { eventPlace } from '@csr/contracts/events/event-place'
import { createKeyring, type Keyring } from '@csr/keyring/keyring'
import { createPostgres, type Postgres } from '@csr/postgres/connect'
import { statement } from '@csr/postgres/statement'
import { systemClock } from '@csr/runtime/clock'
import { createIds } from '@csr/runtime/ids'
import type { Service } from '@csr/runtime/lifecycle'
import { createLogger } from '@csr/runtime/logger'
import { privateDatabase, type TestDatabase } from '@csr/testkit/database'
import { eventually } from '@csr/testkit/eventually'
import { privateNats, type TestNats } from '@csr/testkit/nats'
import { testSecrets } from '@csr/testkit/secrets'
import { createProfileService } from '../../src/service.ts'
import { profileSettings } from '../../src/settings.ts'

type SessionCompleted = EventOf<'ingest.session.completed.v1'>

const clock = systemClock()
const ids = createIds(clock)
const logger = createLogger({ service: 'profile', destination: { write: () => {} } })

let database: TestDatabase
let nats: TestNats
let postgres: Postgres
let ingest: Keyring
let replicas: Service[]
const disposals = new AsyncDisposableStack()
after(() => disposals.disposeAsync())

before(async () => {
  database = disposals.use(await privateDatabase())
  nats = disposals.use(await privateNats())
  const secrets = await testSecrets()
  const [url, workerUrl] = [database.url('csr_profile'), database.url('csr_profile_worker')]
  postgres = disposals.use(createPostgres({ name: 'profile', url, workerUrl, logger }))
  await postgres.start?.()
  const { rootKeyFile, indexKeyFile } = secrets
  const keysUrl = database.keysUrl('csr_ingest')
  ingest = disposals.use(createKeyring({ service: 'ingest', keysUrl, rootKeyFile, indexKeyFile, logger, clock, ids }))
  await ingest.start?.()
  const settings = profileSettings.parse({
    CSR_MODE: 'development',
    LOG_LEVEL: 'error',
    PORT: 1,
    DATABASE_URL: url,
    WORKER_DATABASE_URL: workerUrl,
    KEYS_DATABASE_URL: database.keysUrl('csr_profile'),
    NATS_URL: nats.url,
    NATS_CREDENTIALS_FILE: nats.credentialsFile('profile'),
    SERVICE_KEY_FILE: secrets.serviceKeyFile('profile'),
    PUBLIC_KEYS_DIR: secrets.publicKeysDir,
    ROOT_KEY_FILE: rootKeyFile,
    INDEX_KEY_FILE: indexKeyFile,
  })
  const start = async () => {
    const service = disposals.use(await createProfileService({ ...settings, PORT: 0 }))
    await service.start()
    return service
  }
  replicas = [await start(), await start()]
})

async function newTenant(): Promise<string> {
  const tenantId = ids.uuid()
  const { rootKeyFile, indexKeyFile } = await testSecrets()
  const keysUrl = database.keysUrl('csr_gateway')
  await using gateway = createKeyring({ service: 'gateway', keysUrl, rootKeyFile, indexKeyFile, logger, clock, ids })
  await gateway.start?.()
  await gateway.createTenant(tenantId)
  return tenantId
}

type Session = {
  readonly session: number
  readonly participant: number
  readonly volunteer: number
  readonly hour?: number
  readonly rating?: number
}

async function sessionCompleted(tenantId: string, told: Session): Promise<SessionCompleted> {
  const { session, participant, volunteer, hour = 9, rating = 0.5 } = told
  const sourceId = `session-${session}`
  const people = [
    { role: 'participant', email: `participant-${participant}@example.org` },
    { role: 'volunteer', email: `volunteer-${volunteer}@example.org` },
  ] as const
  const { subjectIds, keys } = await ingest.resolveSubjects(tenantId, people)
  const event = { type: 'ingest.session.completed.v1', id: ids.uuid() } as const
  const at = `2026-11-20T${String(hour).padStart(2, '0')}:00:00.000Z`
  return createEvent(
    event.type,
    { id: event.id, time: clock.now(), tenantId, subject: sourceId, causationId: ids.uuid() },
    {
      ...{ deliveryId: ids.uuid(), partner: 'kintell', sourceId, reportedAt: at, occurredAt: at, precision: 'instant' },
      ...{ programme: 'Language Café', rating, text: null, sessionType: 'language', scheduledAt: at, completedAt: at },
      ...{ durationMinutes: 45, languageLevel: 'A2', topics: ['shopping'] },
      people: people.map(({ role, email }, index) => {
        const subjectId = subjectIds[index] ?? ''
        return {
          subjectId,
          activityId: ingest.fingerprintUuid(tenantId, 'activity', 'kintell', 'session.completed', sourceId, role),
          role,
          email: keys.seal(subjectId, eventPlace(event, 'email'), email),
          ...{ name: null, phone: null, externalId: null },
        }
      }),
    },
  )
}

/** A copy without its id in the header passes the server's own window for duplicates: only the inbox can know it. */
async function publish(events: readonly SessionCompleted[], copies: readonly SessionCompleted[] = []): Promise<void> {
  const connection = await nats.connect('ingest')
  for (const event of [...events, ...copies]) connection.publish(event.type, JSON.stringify(event))
  await connection.drain()
}

async function announced(tenantId: string) {
  const [rows] = await postgres.worker([
    statement<{ topic: string; subject: string; correction: boolean | null; sent: boolean }>(
      `select topic, payload::json ->> 'subject' as subject, (payload::json #>> '{data,correction}')::boolean as correction,
         sequence is not null as sent
       from profile.outbox where tenant_id = $1`,
      [tenantId],
    ),
  ])
  return rows
}

async function claimed(tenantId: string): Promise<number> {
  const [rows] = await postgres.worker([
    statement<{ count: number }>('select count(*) as count from profile.inbox where tenant_id = $1', [tenantId]),
  ])
  return rows[0]?.count ?? 0
}

test('an event gives each of its two people a profile and an activity, and tells the others', async () => {
  const tenantId = await newTenant()
  await publish([await sessionCompleted(tenantId, { session: 1, participant: 1, volunteer: 1 })])
  const events = await eventually(
    async () => {
      const rows = await announced(tenantId)
      assert.ok(rows.length === 4 && rows.every(({ sent }) => sent))
      return rows
    },
    { withinMs: 15_000 },
  )
  assert.deepEqual(events.map(({ topic }) => topic).toSorted(), [
    'profile.activity.recorded.v1',
    'profile.activity.recorded.v1',
    'profile.profile.created.v1',
    'profile.profile.created.v1',
  ])
})

test('P2: two replicas, every event twice, out of order and with corrections: each change takes effect once', async () => {
  const tenantId = await newTenant()
  const sessions = Array.from({ length: 120 }, (_, session) => ({
    session,
    participant: session % 7,
    volunteer: session % 3,
  }))
  const events = await Promise.all([
    ...sessions.map((told) => sessionCompleted(tenantId, told)),
    ...sessions.slice(0, 40).map((told) => sessionCompleted(tenantId, { ...told, hour: 11, rating: 0.9 })),
    ...sessions.slice(0, 20).map((told) => sessionCompleted(tenantId, { ...told, hour: 7, rating: 0.1 })),
  ])
  const shuffled = events.toSorted((one, other) => (one.id.slice(-4) < other.id.slice(-4) ? -1 : 1))
  await publish(shuffled, events)
  await eventually(async () => assert.equal(await claimed(tenantId), events.length), { withinMs: 30_000 })
  await eventually(async () => assert.ok((await announced(tenantId)).every(({ sent }) => sent)), { withinMs: 15_000 })

  const rows = await announced(tenantId)
  const created = rows.filter(({ topic }) => topic === 'profile.profile.created.v1').map(({ subject }) => subject)
  assert.equal(created.length, 10)
  assert.equal(new Set(created).size, 10)
  assert.equal(rows.filter(({ correction }) => correction === false).length, 240)
  const [activities, revisions, profiles] = await postgres.group(tenantId, [
    statement<{ rating: number; count: number }>(
      `select (details ->> 'rating')::float8 as rating, count(*) as count from profile.activities group by 1 order by 1`,
    ),
    statement<{ count: number }>('select count(*) as count from profile.activity_revisions'),
    statement<{ activities: number }>(
      'select sum(count::bigint) as activities from profile.profiles, jsonb_each_text(programme_activities) as p (id, count)',
    ),
  ])
  assert.deepEqual(activities, [
    { rating: 0.5, count: 160 },
    { rating: 0.9, count: 80 },
  ])
  assert.equal(revisions[0]?.count, 120)
  assert.equal(profiles[0]?.activities, 240)
})

test('P9: the service is ready with everything there, and says what is missing when the broker goes', async () => {
  await eventually(() => assert.ok(replicas.every((service) => service.readiness().ready)))
  await nats.kill()
  await eventually(() => assert.ok(replicas.every((service) => !service.readiness().ready)), { withinMs: 15_000 })
  await nats.start()
  await eventually(() => assert.ok(replicas.every((service) => service.readiness().ready)), { withinMs: 15_000 })
})
