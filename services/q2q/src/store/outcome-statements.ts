import type { OutcomeLabels, OutcomeScores, WithheldReason } from '@csr/contracts/events/q2q'
import type { SealedText } from '@csr/contracts/events/envelope'
import { arrayOf, statement, type Statement } from '@csr/postgres/statement'

/** One outcome as it stands in `q2q.outcomes`. */
export type OutcomeRow = {
  readonly id: string
  readonly activityId: string
  readonly subjectId: string
  readonly reportedAt: string
  readonly sourceId: string
  readonly withheld: WithheldReason | null
  readonly labels: OutcomeLabels | null
  readonly scores: OutcomeScores
  readonly textSealed: SealedText | null
  readonly evidenceSealed: SealedText | null
  readonly language: string | null
  readonly model: string | null
  readonly version: string | null
  readonly rubric: string | null
  readonly policy: string
  readonly scoredAt: string
}

/** What decides whether a new outcome replaces the one that stands. */
export type StandingRow = { readonly activityId: string; readonly reportedAt: string; readonly sourceId: string }

export function selectStanding(activityIds: readonly string[]): Statement<StandingRow> {
  return statement(
    `select activity_id as "activityId", reported_at as "reportedAt", source_id as "sourceId"
     from q2q.outcomes where activity_id = any($1::uuid[])`,
    [arrayOf(activityIds)],
  )
}

/** Writes outcomes over what was read; raises CS001 where another replica has put a later one there meanwhile. */
export function putOutcomes(rows: readonly OutcomeRow[]): Statement {
  return statement(
    `with put as (
       insert into q2q.outcomes as standing (tenant_id, activity_id, id, subject_id, reported_at, source_id, withheld, labels,
         confidence, belonging, language_level, job_readiness, well_being, text_sealed, evidence_sealed, language, model,
         version, rubric, policy, scored_at)
       select ops.tenant_id(), "activityId", id, "subjectId", "reportedAt", "sourceId", withheld, labels,
         (scores->>'confidence')::float8, (scores->>'belonging')::float8, (scores->>'languageLevel')::float8,
         (scores->>'jobReadiness')::float8, (scores->>'wellBeing')::float8, "textSealed", "evidenceSealed", language, model,
         version, rubric, policy, "scoredAt"
       from json_to_recordset($1::text::json) as given ("activityId" uuid, id uuid, "subjectId" uuid,
         "reportedAt" timestamptz, "sourceId" uuid, withheld text, labels jsonb, scores json, "textSealed" text,
         "evidenceSealed" text, language text, model text, version text, rubric text, policy text, "scoredAt" timestamptz)
       order by "activityId"
       on conflict (tenant_id, activity_id) do update set
         id = excluded.id, subject_id = excluded.subject_id, reported_at = excluded.reported_at,
         source_id = excluded.source_id, withheld = excluded.withheld, labels = excluded.labels,
         confidence = excluded.confidence, belonging = excluded.belonging, language_level = excluded.language_level,
         job_readiness = excluded.job_readiness, well_being = excluded.well_being, text_sealed = excluded.text_sealed,
         evidence_sealed = excluded.evidence_sealed, language = excluded.language, model = excluded.model,
         version = excluded.version, rubric = excluded.rubric, policy = excluded.policy, scored_at = excluded.scored_at
       where (standing.reported_at, standing.source_id) < (excluded.reported_at, excluded.source_id)
       returning 1)
     select ops.expect((select count(*) from put), $2::bigint)`,
    [JSON.stringify(rows), rows.length],
  )
}

type PageRow = Omit<OutcomeRow, 'scores' | 'textSealed'> & {
  readonly confidence: number | null
  readonly belonging: number | null
  readonly languageLevel: number | null
  readonly jobReadiness: number | null
  readonly wellBeing: number | null
}

export function selectPage(
  subjectId: string,
  before: { at: string; id: string } | null,
  limit: number,
): Statement<PageRow> {
  return statement(
    `select id, activity_id as "activityId", subject_id as "subjectId", reported_at as "reportedAt", source_id as "sourceId",
       withheld, labels, confidence, belonging, language_level as "languageLevel", job_readiness as "jobReadiness",
       well_being as "wellBeing", evidence_sealed as "evidenceSealed", language, model, version, rubric, policy,
       scored_at as "scoredAt"
     from q2q.outcomes
     where subject_id = $1::uuid and ($2::timestamptz is null or (scored_at, id) < ($2::timestamptz, $3::uuid))
     order by scored_at desc, id desc limit $4::int`,
    [subjectId, before?.at ?? null, before?.id ?? null, limit],
  )
}

export type SummaryRow = {
  readonly outcomes: number
  readonly people: number
} & { readonly [Name in `${keyof OutcomeScores}${'Mean' | 'People'}`]: number | null }

const summed: readonly [column: string, name: keyof OutcomeScores][] = [
  ['confidence', 'confidence'],
  ['belonging', 'belonging'],
  ['language_level', 'languageLevel'],
  ['job_readiness', 'jobReadiness'],
  ['well_being', 'wellBeing'],
]

/** Means over all people of the tenant, each with the number of people behind it. */
export const selectSummary: Statement<SummaryRow> = statement(
  `select count(*) as outcomes, count(distinct subject_id) as people,
     ${summed
       .map(
         ([column, name]) => `avg(${column}) as "${name}Mean",
     count(distinct subject_id) filter (where ${column} is not null) as "${name}People"`,
       )
       .join(',\n     ')}
   from q2q.outcomes where withheld is null`,
)
