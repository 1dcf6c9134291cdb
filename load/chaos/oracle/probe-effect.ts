import type { RigStack } from '../rig-stack.ts'
import type { Report } from '../workload/report.ts'

/** Throws until a session with a text has come all the way: its activities, its outcome shown with one, and its audit record. */
export async function isWholeEffect(stack: RigStack, tenantId: string, { thing }: Report): Promise<void> {
  const [row] = await stack.ask(
    (sql) =>
      sql<{ activities: number; outcomes: number; records: number }[]>`
      select count(*)::int as activities, count(outcome.outcome_id)::int as outcomes, count(record.id)::int as records
      from profile.activities activity
      left join profile.activity_outcomes outcome
        on (outcome.tenant_id, outcome.activity_id) = (activity.tenant_id, activity.id)
      left join audit.records record on (record.tenant_id, record.id) = (activity.tenant_id, activity.reported_by)
      where activity.tenant_id = ${tenantId} and source_id = ${thing}`,
  )
  const seen = [row?.activities, row?.outcomes, row?.records].join('/')
  if (seen !== '2/1/2') throw new Error(`activities/outcomes/records of ${thing}: ${seen} instead of 2/1/2`)
}
