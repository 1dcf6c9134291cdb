import type { Partner } from '@csr/contracts/events/ingest'
import { eventPlace } from '@csr/contracts/events/event-place'
import type { Service } from '@csr/contracts/services'
import { createKeyring, type Keyring } from '@csr/keyring/keyring'
import { insertEvents } from '@csr/messaging/outbox'
import { createPostgres, type Postgres } from '@csr/postgres/connect'
import { createIds, type Ids } from '@csr/runtime/ids'
import { createLogger } from '@csr/runtime/logger'
import { privateDatabase, type TestDatabase } from '@csr/testkit/database'
import { eventually } from '@csr/testkit/eventually'
import { fakeClock, type FakeClock } from '@csr/testkit/fake-clock'
import { testSecrets } from '@csr/testkit/secrets'
import { recordActivity } from '../src/domain/record-activity.ts'
import { announce, type ProfileEvent, type Stamp } from '../src/events.ts'
import type { Change, SealedReport } from '../src/store/batch.ts'
import { createProfileStore, type ProfileStore } from '../src/store/profile-store.ts'

/** What a test says about a report; the rest is the same for all. */
export type Told = {
  readonly email: string
  readonly name?: string | null
  readonly phone?: string | null
  readonly sourceId?: string
  readonly role?: 'participant' | 'volunteer'
  readonly programme?: string | null
  readonly reportedAt?: string
  readonly occurredAt?: string
  readonly details?: Record<string, unknown>
}

/** The profile service's own role and keys on a database of its own, and what ingest would have sealed for it. */
export type TestProfiles = AsyncDisposable & {
  readonly database: TestDatabase
  readonly clock: FakeClock
  readonly ids: Ids
  readonly stamp: Stamp
  readonly postgres: Postgres
  readonly profiles: ProfileStore
  keyring(service: Service): Keyring
  tenant(): Promise<string>
  /** one person's part in a report, as an event brings it */
  report(tenantId: string, told: Told): Promise<SealedReport>
  /** commits a change the way the consumer does, events included */
  commit(tenantId: string, change: Change): Promise<ProfileEvent[]>
  /** reads, applies and commits */
  tell(tenantId: string, reports: readonly SealedReport[]): Promise<Change>
}

const partner: Partner = 'kintell'

export async function openProfileStore(): Promise<TestProfiles> {
  const database = await privateDatabase()
  const { rootKeyFile, indexKeyFile } = await testSecrets()
  const clock = fakeClock()
  const ids = createIds(clock)
  const stamp = () => ({ id: ids.uuid(), time: clock.now() })
  const logger = createLogger({ service: 'profile', destination: { write: () => {} } })
  const [url, workerUrl] = [database.url('csr_profile'), database.url('csr_profile_worker')]
  const postgres = createPostgres({ name: 'profile', url, workerUrl, logger })
  await postgres.start?.()

  const keyrings = new Map<Service, Keyring>()
  function keyring(service: Service): Keyring {
    const known = keyrings.get(service)
    if (known) return known
    const keysUrl = database.keysUrl(`csr_${service}`)
    const opened = createKeyring({ service, keysUrl, rootKeyFile, indexKeyFile, logger, clock, ids })
    void opened.start?.()
    keyrings.set(service, opened)
    return opened
  }

  const profiles = createProfileStore({ postgres, keyring: keyring('profile'), clock })
  const commit = async (tenantId: string, change: Change) => {
    const events = change.facts.map((fact) => announce(fact, tenantId, stamp))
    await postgres.group(tenantId, [...change.statements, insertEvents('profile', events)])
    return events
  }
  return {
    ...{ database, clock, ids, stamp, postgres, profiles, keyring, commit },
    async tenant() {
      const tenantId = ids.uuid()
      await eventually(() => keyring('gateway').createTenant(tenantId), { what: 'the keys of a tenant' })
      return tenantId
    },
    report: (tenantId, told) => reportOf(keyring('ingest'), ids, tenantId, told),
    async tell(tenantId, reports) {
      const change = await profiles.change(tenantId, reports, recordActivity)
      await commit(tenantId, change)
      return change
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...keyrings.values()].map((opened) => opened[Symbol.asyncDispose]()))
      await postgres[Symbol.asyncDispose]()
      await database[Symbol.asyncDispose]()
    },
  }
}

async function reportOf(ingest: Keyring, ids: Ids, tenantId: string, told: Told): Promise<SealedReport> {
  const { email, sourceId = 'session-1', role = 'participant' } = told
  const { subjectIds, keys } = await ingest.resolveSubjects(tenantId, [{ email }])
  const subjectId = subjectIds[0] ?? ''
  const event = { type: 'ingest.session.completed.v1', id: ids.uuid() }
  const seal = (name: string, value: string | null | undefined) =>
    value ? keys.seal(subjectId, eventPlace(event, name), value) : null
  return {
    event,
    activity: {
      id: ingest.fingerprintUuid(tenantId, 'activity', partner, 'session.completed', sourceId, role),
      ...{ subjectId, kind: 'session.completed', partner, sourceId, role },
      occurredAt: told.occurredAt ?? '2026-11-19T10:00:00.000Z',
      details: told.details ?? { rating: 0.5 },
      reportedAt: told.reportedAt ?? '2026-11-20T09:00:00.000Z',
      reportedBy: event.id,
    },
    programme: told.programme ?? null,
    personal: { email: seal('email', email), name: seal('name', told.name), phone: seal('phone', told.phone) },
  }
}
