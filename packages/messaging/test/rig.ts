import { consumptions } from '@csr/contracts/consumers'
import { createEvent } from '@csr/contracts/events/create-event'
import type { DeadLetter } from '@csr/contracts/events/dead-letter'
import type { Event, SealedText } from '@csr/contracts/events/envelope'
import type { Service } from '@csr/contracts/services'
import type { Lane } from '@csr/contracts/streams'
import { connectNats } from '@csr/messaging/connect'
import { on, onAnyEvent, runConsumers, type Handler, type Writes } from '@csr/messaging/consume'
import { insertEvents } from '@csr/messaging/outbox'
import type { Patience } from '@csr/messaging/patience'
import { relayOutbox } from '@csr/messaging/relay'
import type { Vault } from '@csr/messaging/vault'
import { createPostgres, type Postgres } from '@csr/postgres/connect'
import { PostgresUnavailable } from '@csr/postgres/errors'
import { statement, type Statement } from '@csr/postgres/statement'
import { systemClock, type Clock } from '@csr/runtime/clock'
import { createIds } from '@csr/runtime/ids'
import type { Resource } from '@csr/runtime/lifecycle'
import { createLogger } from '@csr/runtime/logger'
import { createTelemetry } from '@csr/runtime/telemetry'
import { privateDatabase, type TestDatabase } from '@csr/testkit/database'
import { eventually } from '@csr/testkit/eventually'
import { privateNats, type TestNats } from '@csr/testkit/nats'
import { jetstream, jetstreamManager, type JetStreamManager } from '@nats-io/jetstream'
import { headers, nanos, type NatsConnection } from '@nats-io/transport-node'

export const tenantId = '01940000-0000-7000-8000-0000000000a1'
export const otherTenantId = '01940000-0000-7000-8000-0000000000a2'
export const consumer = 'profile-on-session-completed'
export const topic = 'ingest.session.completed.v1'

const subject = '01940000-0000-7000-8000-0000000000b1'
export const clock = systemClock()
export const ids = createIds(clock)

/** A session that was completed; `sourceId` tells a handler what to do with it. */
export function session(about: { sourceId?: string; tenantId?: string; id?: string } = {}): Event {
  const sealed = `s1.${subject}.1.${'A'.repeat(80)}` as unknown as SealedText
  const at = clock.now()
  const envelope = {
    id: about.id ?? ids.uuid(),
    time: at,
    tenantId: about.tenantId ?? tenantId,
    subject,
    causationId: 'test',
  }
  return createEvent(topic, envelope, {
    ...{
      deliveryId: ids.uuid(),
      partner: 'kintell',
      sourceId: about.sourceId ?? 'fine',
      reportedAt: at,
      occurredAt: at,
    },
    ...{ precision: 'instant', programme: null, rating: null, text: null, sessionType: 'language', scheduledAt: at },
    ...{ completedAt: null, durationMinutes: null, languageLevel: null, topics: [] },
    people: [
      {
        subjectId: subject,
        activityId: subject,
        role: 'participant',
        email: sealed,
        name: null,
        phone: null,
        externalId: null,
      },
    ],
  })
}

export function sourceIdOf(event: Event): string {
  return (event.data as { sourceId: string }).sourceId
}

/** One row per time an event took effect: a repeat shows as a second row. */
export function effect(event: Event): Statement {
  return statement(`insert into profile.test_effects (tenant_id, event_id) values ($1, $2)`, [event.tenantid, event.id])
}

/** A handler that writes an effect for each event after asking `decide`, which may throw. */
export function recording(decide: (event: Event) => void | Promise<void> = () => undefined): Handler {
  return on('ingest.session.completed', async (_tenant, events): Promise<Writes> => {
    for (const event of events) await decide(event)
    return { statements: events.map(effect), events: [] }
  })
}

export type RunningService = AsyncDisposable & {
  readonly postgres: Postgres
  readonly exposition: () => Promise<string>
  readonly readiness: () => readonly string[]
  readonly publish: (events: readonly Event[], lane?: Lane) => Promise<void>
  readonly yieldToAnswers: () => void
}

export type Rig = AsyncDisposable & {
  readonly database: TestDatabase
  readonly nats: TestNats
  readonly admin: JetStreamManager
  /** runs a service's relay, and its consumers where there are handlers */
  start(service: Service, options?: StartOptions): Promise<RunningService>
  /** publishes past the outbox, as the user of `ingest` */
  send(payload: string | Uint8Array, options?: { topic?: string; id?: string }): Promise<void>
  effects(eventId?: string): Promise<number>
  look<Row>(text: string, values?: readonly unknown[], service?: Service): Promise<Row[]>
  deadLetters(): Promise<DeadLetter[]>
  deadLetterEvents(): Promise<Event<string, DeadLetter>[]>
  /** how long the server waits before it delivers again what was not acknowledged */
  setAckWait(ms: number, of?: { stream: string; durable: string }): Promise<void>
}

export type StartOptions = {
  readonly handlers?: readonly Handler[]
  readonly delaysMs?: readonly number[]
  readonly clock?: Clock
  readonly level?: string
  readonly wrap?: (postgres: Postgres) => Postgres
  readonly patience?: Partial<Patience>
  /** null: a service without a keyring */
  readonly vault?: Vault | null
}

/** Stands for a keyring: what is sealed cannot be read by who only looks. */
const testVault: Vault = {
  seal: async (recordId, text) => `${recordId}.${Buffer.from(text).toString('base64url')}`,
  open: async (recordId, sealed) => Buffer.from(sealed.slice(recordId.length + 1), 'base64url').toString(),
}

/** A database and a nats-server of their own, with a table `profile.test_effects`. */
export async function openRig(options: { ownPostgres?: boolean } = {}): Promise<Rig> {
  const [database, nats] = await Promise.all([
    privateDatabase({ server: options.ownPostgres ? 'own' : 'shared' }),
    privateNats(),
  ])
  await createEffects(database)
  const connection = await nats.connect('admin')
  const ingest = await nats.connect('ingest')
  const admin = await jetstreamManager(connection, { checkAPI: false })
  const lookers = new Map<Service, Postgres>()

  async function look<Row>(
    text: string,
    values: readonly unknown[] = [],
    service: Service = 'profile',
  ): Promise<Row[]> {
    let postgres = lookers.get(service)
    if (!postgres) {
      postgres = openPostgres(database, service)
      await postgres.start?.()
      lookers.set(service, postgres)
    }
    const open = postgres
    const [rows] = await patiently(() => open.worker([statement<Row>(text, values)]))
    return rows
  }

  async function deadLetterEvents(): Promise<Event<string, DeadLetter>[]> {
    const { state } = await admin.streams.info('DEAD_LETTER')
    const letters: Event<string, DeadLetter>[] = []
    for (let sequence = Math.max(1, state.first_seq); sequence <= state.last_seq; sequence += 1) {
      const message = await admin.streams.getMessage('DEAD_LETTER', { seq: sequence })
      if (message) letters.push(message.json<Event<string, DeadLetter>>())
    }
    return letters
  }

  return {
    database,
    nats,
    admin,
    look,
    start: (service, startOptions = {}) => startService({ database, nats }, service, startOptions),
    async send(payload, { topic: to = topic, id } = {}) {
      const about = headers()
      if (id) about.set('Nats-Msg-Id', id)
      await jetstream(ingest).publish(to, payload, { headers: about })
    },
    async effects(eventId) {
      const [row] = await look<{ count: number }>(
        `select count(*) as count from profile.test_effects where event_id = coalesce($1::uuid, event_id)`,
        [eventId ?? null],
      )
      return row?.count ?? 0
    },
    deadLetterEvents,
    deadLetters: async () => (await deadLetterEvents()).map(({ data }) => data),
    async setAckWait(ms, { stream, durable } = { stream: 'INGEST', durable: consumer }) {
      await admin.consumers.update(stream, durable, { ack_wait: nanos(ms) })
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...lookers.values()].map((postgres) => postgres[Symbol.asyncDispose]()))
      await closeAll([connection, ingest])
      await nats[Symbol.asyncDispose]()
      await database[Symbol.asyncDispose]()
    },
  }
}

/** Repeats what was not done because no connection was there yet: a busy machine takes a while to open one. */
export async function patiently<Result>(work: () => Promise<Result>, withinMs = 20_000): Promise<Result> {
  const endMs = performance.now() + withinMs
  for (;;) {
    try {
      return await work()
    } catch (error) {
      const notDone = error instanceof PostgresUnavailable && error.committed === 'no'
      if (!notDone || performance.now() > endMs) throw error
    }
  }
}

async function closeAll(connections: readonly NatsConnection[]): Promise<void> {
  for (const connection of connections) await connection.close()
}

function openPostgres(database: TestDatabase, service: Service): Postgres {
  return createPostgres({
    name: service,
    url: database.url(`csr_${service}`),
    workerUrl: database.url(`csr_${service}_worker`),
    logger: createLogger({ service: `look-${service}`, level: 'error', destination: { write: () => undefined } }),
  })
}

/** Starts relay and consumers of a service against given servers; also used by processes of their own. */
export async function startService(
  servers: {
    database: Pick<TestDatabase, 'url'>
    nats: Pick<TestNats, 'url' | 'credentialsFile'>
  },
  service: Service,
  options: StartOptions,
): Promise<RunningService> {
  const { database, nats } = servers
  const destination = options.level ? undefined : { write: () => undefined }
  const logger = createLogger({ service, level: options.level ?? 'error', ...(destination && { destination }) })
  const telemetry = createTelemetry(service)
  const plain = createPostgres({
    name: service,
    url: database.url(`csr_${service}`),
    workerUrl: database.url(`csr_${service}_worker`),
    logger,
  })
  const postgres = options.wrap?.(plain) ?? plain
  const connection = connectNats({
    name: service,
    url: nats.url,
    credentialsFile: nats.credentialsFile(service),
    logger,
  })
  const ports = { service, postgres, nats: connection, logger, telemetry, clock: options.clock ?? clock }
  const relay = relayOutbox(ports)
  const resources: Resource[] = [plain, connection, relay]
  if (options.handlers) {
    const redeliveryDelaysMs = options.delaysMs ?? [20, 40, 60, 80]
    resources.push(
      runConsumers({
        ...{ ...ports, relay, ids, handlers: complete(service, options.handlers), redeliveryDelaysMs },
        ...(options.vault !== null && { vault: options.vault ?? testVault }),
        ...(options.patience && { patience: options.patience }),
      }),
    )
  }
  for (const resource of resources) await resource.start?.()
  return {
    postgres,
    exposition: () => telemetry.exposition(),
    readiness: () =>
      resources.flatMap((resource) => {
        const readiness = resource.readiness?.() ?? { ready: true }
        return readiness.ready ? [] : [readiness.missing]
      }),
    yieldToAnswers: () => relay.yieldToAnswers(),
    async publish(events, lane) {
      for (const event of events)
        await patiently(() => postgres.group(event.tenantid, [insertEvents(service, [event], lane)]))
      relay.wake()
    },
    async [Symbol.asyncDispose]() {
      for (const resource of resources.toReversed()) await resource[Symbol.asyncDispose]()
    },
  }
}

/** The service's other consumers do nothing. */
function complete(service: Service, handlers: readonly Handler[]): Handler[] {
  if (handlers.length === 0) return []
  const others = consumptions[service].filter((event) => handlers.every((handler) => handler.event !== event))
  const nothing = async (): Promise<Writes> => ({ statements: [], events: [] })
  return [...handlers, ...others.map((event) => (event === '*' ? onAnyEvent(nothing) : on(event, nothing)))]
}

export async function createEffects(database: TestDatabase): Promise<void> {
  const owner = createPostgres({
    name: 'owner',
    url: database.url('csr_owner'),
    logger: createLogger({ service: 'owner', level: 'error' }),
  })
  await owner.start?.()
  await eventually(() =>
    owner.group(tenantId, [
      statement(`create table profile.test_effects (tenant_id uuid not null, event_id uuid not null)`),
      statement(`grant select, insert on profile.test_effects to csr_profile, csr_profile_worker`),
    ]),
  )
  await owner[Symbol.asyncDispose]()
}
