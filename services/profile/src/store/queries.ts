import type { OutcomeScores } from '@csr/contracts/events/q2q'
import { statement, type Statement } from '@csr/postgres/statement'
import { and, desc, eq, fillPlaceholders, getTableColumns, sql, type SQL } from 'drizzle-orm'
import { QueryBuilder } from 'drizzle-orm/pg-core'
import { activities, profiles } from './tables.ts'

// Every read of this service, compiled once at start. The tenant comes from row-level security, never from here.

export type ProfileRow = Omit<typeof profiles.$inferSelect, 'tenant_id'>
export type ActivityRow = Omit<typeof activities.$inferSelect, 'tenant_id' | 'recorded_at'>
/** What a profile shows, without personal fields. */
export type BasicRow = Pick<ProfileRow, 'subject_id' | 'created_at' | 'changed_at'> & {
  readonly programmes: readonly { readonly id: string; readonly name: string }[]
}
/** What a profile shows, personal fields still sealed. */
export type PersonalRow = BasicRow & Pick<ProfileRow, 'name_sealed' | 'email_sealed' | 'phone_sealed'>

/** Comes before everything in a list of the newest first. */
export const listStart = { at: 'infinity', id: 'ffffffff-ffff-ffff-ffff-ffffffffffff' } as const

const build = new QueryBuilder()
const given = sql.placeholder

// Column names stand here as text: drizzle leaves out the table of a column inside a selected expression.
const programmeNamesText = `(
  select coalesce(jsonb_agg(jsonb_build_object('id', programme.id, 'name', programme.name) order by programme.name), '[]')
  from profile.programmes as programme
  where programme.id = any (array(select jsonb_object_keys("profiles"."programme_activities")::uuid))
)`
const programmeNames = sql.raw(programmeNamesText).as('programmes') as SQL.Aliased<BasicRow['programmes']>

const { subject_id, created_at, changed_at, name_sealed, email_sealed, phone_sealed } = profiles
const basic = { subject_id, created_at, changed_at, programmes: programmeNames }
const personal = { ...basic, name_sealed, email_sealed, phone_sealed }

const { tenant_id: _ofActivity, recorded_at: _whenRecorded, ...activityColumns } = getTableColumns(activities)

/** Scores of the text that came with an activity, where they stand for the person who has it now. */
export type AttachedOutcome = { readonly id: string; readonly scores: OutcomeScores }

const attachedOutcome = sql<AttachedOutcome | null>`(
  select jsonb_build_object('id', outcome.outcome_id, 'scores', outcome.scores)
  from profile.activity_outcomes as outcome
  where outcome.activity_id = "activities"."id" and outcome.subject_id = "activities"."subject_id"
    and outcome.scores is not null
  limit 1
)`.as('outcome')

export type ListedActivityRow = ActivityRow & { readonly outcome: AttachedOutcome | null }

const isSubject = eq(profiles.subject_id, given('subjectId'))
// The first condition is that of the index for lists.
const profilesBefore = sql`${profiles.created_at} > '-infinity' and (${profiles.created_at}, ${profiles.subject_id}) < (${given('at')}::timestamptz, ${given('id')}::uuid)`
const profilesNewestFirst = [desc(profiles.created_at), desc(profiles.subject_id)]

type ById = { readonly subjectId: string }
type Page = { readonly at: string; readonly id: string; readonly limit: number }

export const personalById: Read<ById, PersonalRow> = compile(build.select(personal).from(profiles).where(isSubject))

export const basicPage: Read<Page, BasicRow> = compile(
  build
    .select(basic)
    .from(profiles)
    .where(profilesBefore)
    .orderBy(...profilesNewestFirst)
    .limit(given('limit')),
)

export const personalPage: Read<Page, PersonalRow> = compile(
  build
    .select(personal)
    .from(profiles)
    .where(profilesBefore)
    .orderBy(...profilesNewestFirst)
    .limit(given('limit')),
)

export const profileExists: Read<ById, Pick<ProfileRow, 'subject_id'>> = compile(
  build.select({ subject_id }).from(profiles).where(isSubject),
)

export const activityPage: Read<ById & Page, ListedActivityRow> = compile(
  build
    .select({ ...activityColumns, outcome: attachedOutcome })
    .from(activities)
    .where(
      and(
        eq(activities.subject_id, given('subjectId')),
        sql`${activities.occurred_at} > '-infinity' and (${activities.occurred_at}, ${activities.id}) < (${given('at')}::timestamptz, ${given('id')}::uuid)`,
      ),
    )
    .orderBy(desc(activities.occurred_at), desc(activities.id))
    .limit(given('limit')),
)

// Plans of named statements stay, also those made while a table was small. A lateral look-up with a limit is never turned
// into a join that reads a whole tenant.

export function basicByIds(subjectIds: readonly string[]): Statement<BasicRow> {
  return statement(basicByIdsText, [subjectIds])
}

const basicByIdsText = `
  select profiles.subject_id, profiles.created_at, profiles.changed_at, ${programmeNamesText} as programmes
  from unnest($1::uuid[]) as wanted (id)
  cross join lateral (select * from profile.profiles where subject_id = wanted.id limit 1) as profiles`

/** The activities that a batch of reports is about. */
export function activitiesById(ids: readonly string[]): Statement<ActivityRow> {
  return statement(
    `select held.* from unnest($1::uuid[]) as wanted (id)
     cross join lateral (select * from profile.activities where id = wanted.id limit 1) as held`,
    [ids],
  )
}

/** The people of a batch: those who are reported, and those who have one of its activities now. */
export function profilesOfBatch(subjectIds: readonly string[], activityIds: readonly string[]): Statement<ProfileRow> {
  return statement(
    `select held.* from (
       select unnest($1::uuid[]) as id
       union
       select owner.subject_id from unnest($2::uuid[]) as wanted (id)
       cross join lateral (select subject_id from profile.activities where id = wanted.id limit 1) as owner
     ) as wanted
     cross join lateral (select * from profile.profiles where subject_id = wanted.id limit 1) as held`,
    [subjectIds, activityIds],
  )
}

/** Sends the text that drizzle made once, with the values of one call in the places of its placeholders. */
function compile(query: { toSQL(): { sql: string; params: unknown[] } }) {
  const { sql: text, params } = query.toSQL()
  return (values: Readonly<Record<string, unknown>>): Statement<never> =>
    statement(text, fillPlaceholders(params, values))
}

type Read<Values, Row> = (values: Values) => Statement<Row>
