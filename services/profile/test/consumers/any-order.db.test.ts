import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { createEvent } from '@csr/contracts/events/create-event'
import { joinExport } from '@csr/contracts/events/export-parts'
import { eventPlace } from '@csr/contracts/events/event-place'
import { insertEvents } from '@csr/messaging/outbox'
import type { Handler } from '@csr/messaging/consume'
import { statement } from '@csr/postgres/statement'
import { createLogger } from '@csr/runtime/logger'
import { createTelemetry } from '@csr/runtime/telemetry'
import { onExportRequested } from '../../src/consumers/on-export-requested.ts'
import { onFeedbackSubmitted } from '../../src/consumers/on-feedback-submitted.ts'
import { onOutcomeScored } from '../../src/consumers/on-outcome-scored.ts'
import { onOutcomeWithheld } from '../../src/consumers/on-outcome-withheld.ts'
import { onSessionCompleted } from '../../src/consumers/on-session-completed.ts'
import { createContributionStore } from '../../src/store/contribution-store.ts'
import { attachOutcomes } from '../../src/store/outcome-store.ts'
import { createProfileTelemetry } from '../../src/telemetry.ts'
import { openProfileStore, type TestProfiles } from '../open-profile-store.ts'

let open: TestProfiles
before(async () => (open = await openProfileStore()))
after(async () => await open[Symbol.asyncDispose]())

const sessionTime = '2026-11-20T09:00:00.000Z'
const ratingTime = '2026-11-20T10:00:00.000Z'
const scores = { confidence: 0.8, belonging: null, languageLevel: null, jobReadiness: null, wellBeing: 0.6 }
const labels = {
  ...{ confidenceIncrease: true, confidenceDecrease: false, belongingIncrease: false, belongingDecrease: false },
  ...{ languageComfort: null, employabilitySignals: [], riskCues: [] },
}

/** What happened to one person, each with the handler that hears of it. */
async function story(tenantId: string) {
  const { ids, clock, profiles, stamp } = open
  const logger = createLogger({ service: 'profile', destination: { write: () => {} } })
  const telemetry = createProfileTelemetry(createTelemetry('profile'), logger)
  const deps = { profiles, telemetry, stamp }
  const ingest = open.keyring('ingest')
  const { subjectIds, keys } = await ingest.resolveSubjects(tenantId, [{ email: 'late@example.org' }])
  const subjectId = subjectIds[0] ?? ''
  const about = (id: string) => ({ id, time: clock.now(), tenantId, subject: subjectId, causationId: 'test' })

  function report(type: 'ingest.session.completed.v1' | 'ingest.feedback.submitted.v1', kind: string, at: string) {
    const event = { type, id: ids.uuid() }
    const activityId = ingest.fingerprintUuid(tenantId, 'activity', 'kintell', kind, `${kind}-1`, 'participant')
    return {
      ...{ event, activityId },
      data: {
        ...{ deliveryId: ids.uuid(), partner: 'kintell' as const, sourceId: `${kind}-1` },
        ...{ reportedAt: at, occurredAt: at, precision: 'instant' as const },
        ...{ programme: 'Language Café', rating: 0.5, text: null },
        people: [
          {
            ...{ subjectId, activityId, role: 'participant' as const, name: null, phone: null, externalId: null },
            email: keys.seal(subjectId, eventPlace(event, 'email'), 'late@example.org'),
          },
        ],
      },
    }
  }

  const session = report('ingest.session.completed.v1', 'session.completed', sessionTime)
  const rating = report('ingest.feedback.submitted.v1', 'rating.created', ratingTime)
  const decision = { activityId: session.activityId, subjectId, outcomeId: ids.uuid() }
  const evidence = keys.seal(subjectId, { field: 'test', row: decision.outcomeId }, '[]')
  const steps: Record<string, [Handler, ReturnType<typeof createEvent>]> = {
    session: [
      onSessionCompleted(deps),
      createEvent('ingest.session.completed.v1', about(session.event.id), {
        ...session.data,
        ...{ sessionType: 'language', scheduledAt: sessionTime, completedAt: sessionTime, durationMinutes: 45 },
        ...{ languageLevel: 'A2', topics: [] },
      }),
    ],
    rating: [
      onFeedbackSubmitted(deps),
      createEvent('ingest.feedback.submitted.v1', about(rating.event.id), {
        ...rating.data,
        ...{
          kind: 'rating.created',
          fromRole: 'participant',
          about: { kind: 'session', sourceId: 'session.completed-1' },
        },
      }),
    ],
    withheld: [
      onOutcomeWithheld({ attach: attachOutcomes }),
      createEvent('q2q.outcome.withheld.v1', about(ids.uuid()), {
        ...{ ...decision, outcomeId: ids.uuid(), reportedAt: '2026-11-20T08:00:00.000Z', withheld: 'too-short' },
      }),
    ],
    scored: [
      onOutcomeScored({ attach: attachOutcomes }),
      createEvent('q2q.outcome.scored.v1', about(ids.uuid()), {
        ...{ ...decision, reportedAt: sessionTime, labels, scores, evidence, language: 'en', model: 'm', version: '1' },
        ...{ rubric: 'r', policy: 'p', scoredAt: clock.now() },
      }),
    ],
  }
  return { subjectId, steps }
}

function permutations<Item>(items: readonly Item[]): Item[][] {
  if (items.length <= 1) return [[...items]]
  return items.flatMap((item, index) => permutations(items.toSpliced(index, 1)).map((rest) => [item, ...rest]))
}

/** Commits what the handler returns, as the consumer does. */
async function tell(tenantId: string, [handler, event]: [Handler, ReturnType<typeof createEvent>]): Promise<void> {
  const { statements, events, parked } = await handler.handle(tenantId, [event], [])
  assert.equal(parked, undefined)
  const published = events.length > 0 ? [insertEvents('profile', events)] : []
  await open.postgres.group(tenantId, [...statements, ...published])
}

test('P2: a rating before its session, scores before their activity: any order ends in the same state', async () => {
  const orders = permutations(['session', 'rating', 'scored', 'withheld'])
  assert.equal(orders.length, 24)
  for (const order of orders) {
    const tenantId = await open.tenant()
    const { subjectId, steps } = await story(tenantId)
    for (const name of order) await tell(tenantId, steps[name] as (typeof steps)[string])
    const shown = await open.profiles.activities(tenantId, subjectId, { after: null, limit: 10 })
    assert.deepEqual(
      shown?.map(({ kind, outcome }) => [kind, outcome?.scores ?? null]),
      [
        ['rating.created', null],
        ['session.completed', scores],
      ],
      order.join(' '),
    )
    const [announced] = await open.postgres.worker([
      statement<{ topic: string }>(`select topic from profile.outbox where tenant_id = $1 order by topic`, [tenantId]),
    ])
    const counted = Map.groupBy(announced, ({ topic }) => topic)
    assert.equal(counted.get('profile.profile.created.v1')?.length, 1, order.join(' '))
    assert.equal(counted.get('profile.activity.recorded.v1')?.length, 2, order.join(' '))
  }
})

test('an export that is asked for before the first report about a person arrives says that nothing is held', async () => {
  const tenantId = await open.tenant()
  const { subjectId } = await story(tenantId)
  const { postgres, stamp, ids, clock } = open
  const keyring = open.keyring('profile')
  const handler = onExportRequested({ contributions: createContributionStore({ postgres, keyring, stamp }) })
  const about = { id: ids.uuid(), time: clock.now(), tenantId, subject: subjectId, causationId: 'test' }
  const asked = { exportId: ids.uuid(), subjectId, actorId: 'account-1', dueAt: '2026-12-20T00:00:00.000Z' }
  const request = createEvent('privacy.export.requested.v1', about, asked)
  const { events, parked } = await handler.handle(tenantId, [request], [])
  assert.equal(parked, undefined)
  const keys = await open.keyring('privacy').load(tenantId, [subjectId])
  const parts = events.map((event) => {
    const { content } = event.data as { content: Parameters<typeof keys.open>[0] }
    const opened = keys.open(content, eventPlace(event, 'content'))
    assert.equal(opened.state, 'value')
    return (opened as { value: string }).value
  })
  assert.deepEqual(joinExport(parts), { profile: [], activities: [], revisions: [] })
})
