import type { OutcomeScores } from '@csr/contracts/events/q2q'
import { statement, type Statement } from '@csr/postgres/statement'
import { standsAfter, type Standing } from '../domain/profile.ts'

/** What q2q decided about the text of an activity; `scores` is null where it was withheld. */
export type DecidedOutcome = Standing & {
  readonly activityId: string
  readonly subjectId: string
  readonly outcomeId: string
  readonly scores: OutcomeScores | null
}

/** For the consumer's own group: the later report stands, whichever comes first, and the activity may come later still. */
export function attachOutcomes(decided: readonly DecidedOutcome[]): Statement {
  const latest = new Map<string, DecidedOutcome>()
  for (const outcome of decided) {
    const other = latest.get(outcome.activityId)
    if (!other || standsAfter(outcome, other)) latest.set(outcome.activityId, outcome)
  }
  return statement(
    `insert into profile.activity_outcomes as standing
       (tenant_id, activity_id, subject_id, outcome_id, scores, reported_at, decided_by)
     select ops.tenant_id(), "activityId", "subjectId", "outcomeId", scores, "reportedAt", "reportedBy"
     from json_to_recordset($1::text::json) as given ("activityId" uuid, "subjectId" uuid, "outcomeId" uuid, scores jsonb,
       "reportedAt" timestamptz, "reportedBy" uuid)
     order by "activityId"
     on conflict (tenant_id, activity_id) do update set subject_id = excluded.subject_id,
       outcome_id = excluded.outcome_id, scores = excluded.scores, reported_at = excluded.reported_at,
       decided_by = excluded.decided_by
     where (standing.reported_at, standing.decided_by) < (excluded.reported_at, excluded.decided_by)`,
    [JSON.stringify([...latest.values()])],
  )
}
