import { services, type Service } from '@csr/contracts/services'
import type postgres from 'postgres'
import type { ActivityRow, DeadLetterRow, Effects, EventRow, OutcomeRow, ParkedRow, ScreeningRow } from './effects.ts'

/** Reads all effects of these tenants as superuser, past every service. */
export async function readEffects(sql: postgres.Sql, tenantIds: readonly string[]): Promise<Effects> {
  const of = [[...tenantIds]]
  const read = async <Row>(text: string): Promise<Row[]> => [...(await sql.unsafe<Row[] & object[]>(text, of))]
  const records = await read<{ id: string }>('select id::text from audit.records where tenant_id = any($1::uuid[])')
  return {
    events: (await Promise.all(services.map((service) => readEvents(sql, service, tenantIds)))).flat(),
    activities: await read<ActivityRow>(activitiesText),
    screenings: await read<ScreeningRow>(screeningsText),
    outcomes: await read<OutcomeRow>(outcomesText),
    records: records.map(({ id }) => id),
    parked: await read<ParkedRow>(services.map(parkedText).join(' union all ')),
    deadLetters: await read<DeadLetterRow>(deadLettersText),
  }
}

const thingOf = `coalesce(details -> 'course' ->> 'id', source_id)`

const activitiesText = `
  select tenant_id as "tenantId", id, partner, kind, ${thingOf} as thing, role, reported_at::text as "reportedAt",
    reported_by as "reportedBy", true as standing
  from profile.activities where tenant_id = any($1::uuid[])
  union all
  select earlier.tenant_id, activity.id, partner, kind, coalesce(activity.details -> 'course' ->> 'id', source_id), role,
    earlier.reported_at::text, earlier.reported_by, false
  from profile.activity_revisions earlier
  left join profile.activities activity on (activity.tenant_id, activity.id) = (earlier.tenant_id, earlier.activity_id)
  where earlier.tenant_id = any($1::uuid[])`

const screeningsText = `
  select tenant_id as "tenantId", activity_id as "activityId", reported_at::text as "reportedAt"
  from safety.screenings where tenant_id = any($1::uuid[])`

const outcomesText = `
  select outcome.tenant_id as "tenantId", outcome.activity_id as "activityId", outcome.id,
    outcome.source_id as "screenedBy", shown.outcome_id as "shownId"
  from q2q.outcomes outcome
  left join profile.activity_outcomes shown
    on (shown.tenant_id, shown.activity_id) = (outcome.tenant_id, outcome.activity_id)
  where outcome.tenant_id = any($1::uuid[])`

/** The platform's tenant too: what nobody could read has no other. */
const deadLettersText = `
  select service, consumer, event_id as "eventId", reason from audit.dead_letters
  where tenant_id = any($1::uuid[] || '00000000-0000-7000-8000-000000000000'::uuid)`

const parkedText = (service: Service): string =>
  `select '${service}' as service, consumer, event_id::text as "eventId" from ${service}.parked where tenant_id = any($1::uuid[])`

type OutboxRow = {
  readonly tenantId: string
  readonly id: string
  readonly payload: string
  readonly unsent: boolean
}

async function readEvents(sql: postgres.Sql, service: Service, tenantIds: readonly string[]): Promise<EventRow[]> {
  const rows: EventRow[] = []
  const text = `select tenant_id as "tenantId", id, payload, sequence is null as unsent
    from ${service}.outbox where tenant_id = any($1::uuid[])`
  for await (const page of sql.unsafe<OutboxRow[]>(text, [[...tenantIds]]).cursor(1_000)) {
    for (const row of page) rows.push(eventOf(service, row))
  }
  return rows
}

type Payload = {
  readonly type: string
  readonly causationid: string
  readonly data: Partial<
    Record<'partner' | 'kind' | 'sourceId' | 'reportedAt' | 'activityId', string> & { course: { id: string } }
  >
}

function eventOf(service: Service, { tenantId, id, payload, unsent }: OutboxRow): EventRow {
  const { type, causationid: causedBy, data } = parsePayload(payload)
  return {
    ...{ service, tenantId, id, type, causedBy, unsent },
    partner: data.partner ?? null,
    kind: data.kind ?? type.split('.').slice(1, 3).join('.'),
    thing: data.course?.id ?? data.sourceId ?? null,
    reportedAt: data.reportedAt ?? null,
    activityId: data.activityId ?? null,
  }
}

/** Poison that a scenario planted need not be JSON. */
function parsePayload(payload: string): Payload {
  try {
    return JSON.parse(payload) as Payload
  } catch {
    return { type: 'unreadable', causationid: '', data: {} }
  }
}
