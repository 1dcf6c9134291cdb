import { personalFields, standsAfter, type Activity, type Fact, type PersonalField, type Profile } from './profile.ts'

/** One person's part in a report: the activity as it tells it, and what it says about the person (null: nothing). */
export type Report = {
  readonly activity: Activity
  readonly personal: Readonly<Record<PersonalField, string | null>>
}

/** What is known before a report is applied. `owner` is the profile that has the activity now, if it is another person's. */
export type Known = {
  readonly profile: Profile | null
  readonly activity: Activity | null
  readonly owner: Profile | null
}

export type Outcome = 'recorded' | 'corrected' | 'confirmed' | 'superseded' | 'repeated'

export type Recorded = {
  readonly outcome: Outcome
  readonly profile: Profile
  readonly activity: Activity
  readonly owner: Profile | null
  /** what goes into the activity's history: the report that does not stand */
  readonly revision: Activity | null
  readonly facts: readonly Fact[]
}

/**
 * Applies one report. The later report wins (`standsAfter`): as a whole for the activity, field by field for the
 * person, where a report that says nothing about a field leaves it alone. The final state depends on the set of
 * reports only, not on their order or on how often each arrives; each real change is announced once.
 */
export function recordActivity(known: Known, report: Report, at: string): Recorded {
  const { outcome, activity, revision } = place(known.activity, report.activity)
  const moved = outcome === 'corrected' && known.activity?.subjectId !== activity.subjectId
  const before = known.profile ?? emptyProfile(report.activity.subjectId, at)

  const { personal, changed } = learn(before, report)
  const owned = outcome === 'recorded' || outcome === 'corrected'
  const without = owned && known.activity && !moved ? known.activity.programmeId : null
  const programmeActivities = owned
    ? count(count(before.programmeActivities, without, -1), activity.programmeId, 1)
    : before.programmeActivities
  const fields = [...changed, ...programmesChanged(before.programmeActivities, programmeActivities)]
  const changedAt = fields.length > 0 ? at : before.changedAt
  const profile = { ...before, personal, programmeActivities, changedAt }

  const left = moved && known.activity && known.owner ? leave(known.owner, known.activity, at) : null
  return { outcome, profile, activity, revision, owner: left?.owner ?? known.owner, facts: facts() }

  function facts(): Fact[] {
    const causedBy = report.activity.reportedBy
    const told: Fact[] = []
    if (!known.profile) told.push({ fact: 'profile-created', causedBy, subjectId: profile.subjectId })
    else if (fields.length > 0) told.push({ fact: 'profile-changed', causedBy, subjectId: profile.subjectId, fields })
    if (left) told.push({ fact: 'profile-changed', causedBy, subjectId: left.owner.subjectId, fields: left.fields })
    if (owned) told.push({ fact: 'activity-recorded', causedBy, activity, correction: outcome === 'corrected' })
    return told
  }
}

type Placed = { readonly outcome: Outcome; readonly activity: Activity; readonly revision: Activity | null }

function place(known: Activity | null, told: Activity): Placed {
  if (!known) return { outcome: 'recorded', activity: told, revision: null }
  if (known.reportedBy === told.reportedBy) return { outcome: 'repeated', activity: known, revision: null }
  if (!standsAfter(told, known)) return { outcome: 'superseded', activity: known, revision: told }
  return { outcome: sameContent(known, told) ? 'confirmed' : 'corrected', activity: told, revision: known }
}

function learn(before: Profile, report: Report) {
  const { reportedAt, reportedBy } = report.activity
  const personal = { ...before.personal }
  const changed: PersonalField[] = []
  for (const field of personalFields) {
    const value = report.personal[field]
    const said = before.personal[field]
    if (value === null || (said && !standsAfter(report.activity, said))) continue
    personal[field] = { value, reportedAt, reportedBy }
    if (said?.value !== value) changed.push(field)
  }
  return { personal, changed }
}

/** A correction says the activity was another person's: the one who had it loses it. */
function leave(owner: Profile, activity: Activity, at: string) {
  const programmeActivities = count(owner.programmeActivities, activity.programmeId, -1)
  const fields = ['activities', ...programmesChanged(owner.programmeActivities, programmeActivities)]
  return { owner: { ...owner, programmeActivities, changedAt: at }, fields }
}

function count(counts: Profile['programmeActivities'], programmeId: string | null, by: 1 | -1) {
  if (programmeId === null) return counts
  const { [programmeId]: now = 0, ...others } = counts
  return now + by > 0 ? { ...others, [programmeId]: now + by } : others
}

function programmesChanged(before: Profile['programmeActivities'], after: Profile['programmeActivities']) {
  return sorted(before) === sorted(after) ? [] : ['programmes']
}

const sorted = (counts: Profile['programmeActivities']) => Object.keys(counts).toSorted().join()

function emptyProfile(subjectId: string, at: string): Profile {
  const personal = { name: null, email: null, phone: null }
  return { subjectId, createdAt: at, changedAt: at, personal, programmeActivities: {} }
}

function sameContent(one: Activity, other: Activity): boolean {
  const content = ({ subjectId, occurredAt, programmeId, details }: Activity) =>
    JSON.stringify([subjectId, occurredAt, programmeId, keysSorted(details)])
  return content(one) === content(other)
}

/** The database does not keep the order of keys in a JSON column. */
function keysSorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(keysSorted)
  if (value === null || typeof value !== 'object') return value
  return Object.entries(value)
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
    .map(([key, item]) => [key, keysSorted(item)])
}
