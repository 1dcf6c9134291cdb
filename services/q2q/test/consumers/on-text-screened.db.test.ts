import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { createEvent } from '@csr/contracts/events/create-event'
import { eventPlace } from '@csr/contracts/events/event-place'
import type { Service } from '@csr/contracts/services'
import { createKeyring, type Keyring } from '@csr/keyring/keyring'
import { insertEvents } from '@csr/messaging/outbox'
import { createPostgres, type Postgres } from '@csr/postgres/connect'
import { createIds } from '@csr/runtime/ids'
import { createLogger } from '@csr/runtime/logger'
import { createTelemetry } from '@csr/runtime/telemetry'
import { privateDatabase, type TestDatabase } from '@csr/testkit/database'
import { fakeClock } from '@csr/testkit/fake-clock'
import { testSecrets } from '@csr/testkit/secrets'
import { scoreText } from '../../src/classifier/score-text.ts'
import { onTextScreened } from '../../src/consumers/on-text-screened.ts'
import { createOutcomeStore } from '../../src/store/outcome-store.ts'
import { createQ2qTelemetry } from '../../src/telemetry.ts'

const clock = fakeClock()
const ids = createIds(clock)
const logger = createLogger({ service: 'q2q', destination: { write: () => {} } })
const disposals = new AsyncDisposableStack()
after(() => disposals.disposeAsync())

let database: TestDatabase
let postgres: Postgres
const keyrings: Partial<Record<Service, Keyring>> = {}
before(async () => {
  database = disposals.use(await privateDatabase())
  const [url, workerUrl] = [database.url('csr_q2q'), database.url('csr_q2q_worker')]
  postgres = disposals.use(createPostgres({ name: 'q2q', url, workerUrl, logger }))
  await postgres.start?.()
  const { rootKeyFile, indexKeyFile } = await testSecrets()
  for (const service of ['gateway', 'ingest', 'safety', 'q2q'] as const) {
    const keysUrl = database.keysUrl(`csr_${service}`)
    const keyring = disposals.use(createKeyring({ service, keysUrl, rootKeyFile, indexKeyFile, logger, clock, ids }))
    await keyring.start?.()
    keyrings[service] = keyring
  }
})

/** A tenant, an author, and the consumer with a person's mind that a test changes. */
async function openAuthor() {
  const tenantId = ids.uuid()
  await keyrings.gateway?.createTenant(tenantId)
  const resolved = await keyrings.ingest?.resolveSubjects(tenantId, [{ email: 'author@example.org' }])
  const authorId = resolved?.subjectIds[0] ?? ''
  const keyring = keyrings.q2q as Keyring
  const refusing = new Set<string>()
  const handler = onTextScreened({
    outcomes: createOutcomeStore({ postgres, keyring, clock, ids, scoreText }),
    privacy: { whoRefuses: async () => new Set(refusing) },
    telemetry: createQ2qTelemetry(createTelemetry('q2q')),
  })

  async function screened(activityId: string, reportedAt: string, text: string) {
    const event = { type: 'safety.text.screened.v1', id: ids.uuid() } as const
    const keys = await keyrings.safety?.load(tenantId, [authorId])
    const about = { id: event.id, time: clock.now(), tenantId, subject: authorId, causationId: 'test' }
    return createEvent(event.type, about, {
      ...{ screeningId: ids.uuid(), activityId, authorId, reportedAt, occurredAt: reportedAt },
      ...{ verdict: 'allow', reasons: [], policy: 'test' },
      text: keys?.seal(authorId, eventPlace(event, 'text'), text) ?? null,
    })
  }

  /** commits as the consumer does; answers what was announced */
  async function hear(...texts: Awaited<ReturnType<typeof screened>>[]): Promise<string[]> {
    const { statements, events } = await handler.handle(tenantId, texts, [])
    await postgres.group(tenantId, [...statements, ...(events.length > 0 ? [insertEvents('q2q', events)] : [])])
    return events.map(({ type, data }) => (data as { withheld?: string }).withheld ?? type)
  }
  return { authorId, refusing, screened, hear }
}

const gain = 'I feel much more confident speaking at work now, and I found new friends here.'

test('a text that was written before its author withdrew, and arrives afterwards, is not scored', async () => {
  const { authorId, refusing, screened, hear } = await openAuthor()
  const early = await screened(ids.uuid(), '2026-11-20T09:00:00.000Z', gain)
  const late = await screened(ids.uuid(), '2026-11-20T08:00:00.000Z', gain)
  assert.deepEqual(await hear(early), ['q2q.outcome.scored.v1'])
  refusing.add(authorId)
  assert.deepEqual(await hear(late), ['objected'])
  refusing.clear()
  const again = await screened(ids.uuid(), '2026-11-20T07:00:00.000Z', gain)
  assert.deepEqual(await hear(again), ['q2q.outcome.scored.v1'])
})

test('P2: of several versions of one text the latest report stands, in whatever order and batches they arrive', async () => {
  const versions = [1, 2, 3] as const
  for (const order of [[[1], [2], [3]], [[3], [1], [2]], [[2, 3, 1]], [[3, 1], [2]]] as const) {
    const { screened, hear } = await openAuthor()
    const activityId = ids.uuid()
    const texts = new Map<number, Awaited<ReturnType<typeof screened>>>()
    for (const version of versions) {
      const at = `2026-11-20T0${version}:00:00.000Z`
      texts.set(version, await screened(activityId, at, version === 3 ? 'ok' : gain))
    }
    const announced: string[] = []
    for (const batch of order) announced.push(...(await hear(...batch.flatMap((version) => texts.get(version) ?? []))))
    assert.equal(announced.at(-1), 'too-short', JSON.stringify(order))
    assert.equal(announced.filter((what) => what === 'too-short').length, 1)
  }
})
