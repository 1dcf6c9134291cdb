import { listProfiles, listActivities, type Activity } from '@csr/contracts/http/profile'
import { listOutcomes, type Outcome } from '@csr/contracts/http/q2q'
import type { CompanyClient } from '../company-client.ts'
import { fewAtATime } from '../persist.ts'
import type { Expected } from './sample-data.ts'

/** Everybody the company has, with what they took part in and what became of their texts. */
export type Effects = {
  readonly people: readonly string[]
  readonly activities: readonly Activity[]
  readonly outcomes: readonly Outcome[]
}

const peopleAtOnce = 8

/** Reads it all, without opening anybody's name or address. */
export async function readEffects(company: CompanyClient): Promise<Effects> {
  const profiles = await company.all(listProfiles, { query: { fields: 'basic' } })
  const people = profiles.map(({ id }) => id)
  const activities: Activity[] = []
  const outcomes: Outcome[] = []
  await fewAtATime(people, peopleAtOnce, async (id) => {
    const [took, told] = await Promise.all([
      company.all(listActivities, { params: { id } }),
      company.all(listOutcomes, { params: { id } }),
    ])
    activities.push(...took)
    outcomes.push(...told)
  })
  return { people, activities, outcomes }
}

/** What the samples should have caused and has not yet: one line per kind of thing; empty when all is there. */
export function missingOf(expected: Expected, { people, activities, outcomes }: Effects): string[] {
  const reported = new Set(activities.map(({ sourceId }) => sourceId))
  const unheard = expected.sourceIds.filter((sourceId) => !reported.has(sourceId)).length
  const uncorrected = expected.corrected.filter((correction) => !stands(correction, activities, outcomes)).length
  const counts: [string, number, number][] = [
    ['people', people.length, expected.people],
    ['activities', activities.length, expected.activities],
    ['outcomes', outcomes.length, expected.outcomes],
    ['reports', expected.sourceIds.length - unheard, expected.sourceIds.length],
    ['corrections', expected.corrected.length - uncorrected, expected.corrected.length],
  ]
  return counts.filter(([, is, should]) => is < should).map(([what, is, should]) => `${is} of ${should} ${what}`)
}

/** Whether the later version is what everybody sees: in the activities of both people, and in the words of the evidence. */
function stands(
  { sourceId, durationMinutes, text }: Expected['corrected'][number],
  activities: readonly Activity[],
  outcomes: readonly Outcome[],
): boolean {
  const about = activities.filter((activity) => activity.sourceId === sourceId)
  const ids = new Set(about.map(({ id }) => id))
  const scored = outcomes.filter((outcome) => ids.has(outcome.activityId))
  return (
    about.length > 0 &&
    about.every(({ details }) => details['durationMinutes'] === durationMinutes) &&
    scored.length > 0 &&
    scored.every(
      (outcome) =>
        'evidence' in outcome &&
        outcome.evidence.every(({ start, end, text: quoted }) => text.slice(start, end) === quoted),
    )
  )
}
