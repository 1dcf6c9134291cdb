import { eventPlace } from '@csr/contracts/events/event-place'
import type { SealedText } from '@csr/contracts/events/envelope'
import type { Keys } from '@csr/keyring/keys'
import type { Statement } from '@csr/postgres/statement'
import type { Activity, Fact, PersonalField, Profile } from '../domain/profile.ts'
import type { Known, Outcome, Recorded, Report } from '../domain/record-activity.ts'
import type { ActivityRow, ProfileRow } from './queries.ts'
import { isSameProfile, openProfile, openValue, sealProfile } from './sealed-profile.ts'
import { writeActivities, writeProfiles, writeProgrammes, writeRevisions } from './write-statements.ts'

/** One person's part in a report as an event carries it: personal values sealed for their place in the event. */
export type SealedReport = {
  readonly event: { readonly type: string; readonly id: string }
  readonly activity: Omit<Activity, 'programmeId'>
  readonly programme: string | null
  readonly personal: Readonly<Record<PersonalField, SealedText | null>>
}

/** The rule of the domain that is applied to each report. */
export type Rule = (known: Known, report: Report, at: string) => Recorded

/** What to commit for a batch, what it changed, and what became of each report, in their order. */
export type Change = {
  readonly statements: readonly Statement[]
  readonly facts: readonly Fact[]
  readonly outcomes: readonly (Outcome | 'erased')[]
}

export type Held = { readonly profiles: readonly ProfileRow[]; readonly activities: readonly ActivityRow[] }

export type Circumstances = {
  readonly keys: Keys
  readonly at: string
  /** the id of a programme, from its name */
  readonly programmeIdOf: (name: string) => string
}

/** Applies the rule to reports one after another, on what was read, and says what to write for all of them at once. */
export function applyReports(held: Held, reports: readonly SealedReport[], rule: Rule, given: Circumstances): Change {
  const { keys, at, programmeIdOf } = given
  const batch = createBatch(held, keys)
  const outcomes = reports.map((report) => {
    const { subjectId } = report.activity
    if (keys.erased(subjectId)) return 'erased'
    const programmeId = report.programme === null ? null : programmeIdOf(report.programme)
    if (report.programme !== null && programmeId !== null) batch.programmes.set(programmeId, report.programme)
    const personal = openReported(report, keys)
    return batch.apply({ activity: { ...report.activity, programmeId }, personal }, rule, at)
  })
  return { outcomes, facts: batch.facts, statements: batch.statements(at) }
}

function openReported({ event, personal }: SealedReport, keys: Keys): Report['personal'] {
  const value = (field: PersonalField) => {
    const sealed = personal[field]
    return sealed === null ? null : openValue(keys, sealed, eventPlace(event, field))
  }
  return { name: value('name'), email: value('email'), phone: value('phone') }
}

function createBatch(held: Held, keys: Keys) {
  const readable = held.profiles.filter((row) => !keys.erased(row.subject_id))
  const before = new Map(readable.map((row) => [row.subject_id, { row, profile: openProfile(row, keys) }]))
  const heldBy = new Map(held.activities.map((row) => [row.id, row.reported_by]))
  const profiles = new Map<string, Profile>([...before].map(([id, { profile }]) => [id, profile]))
  const activities = new Map<string, Activity>(held.activities.map((row) => [row.id, activityOf(row)]))
  const revisions = new Map<string, Activity>()
  const programmes = new Map<string, string>()
  const facts: Fact[] = []
  return { programmes, facts, apply, statements }

  function apply(report: Report, rule: Rule, at: string): Outcome {
    const { id, subjectId } = report.activity
    const activity = activities.get(id) ?? null
    const owner = activity && activity.subjectId !== subjectId ? (profiles.get(activity.subjectId) ?? null) : null
    const recorded = rule({ profile: profiles.get(subjectId) ?? null, activity, owner }, report, at)
    profiles.set(subjectId, recorded.profile)
    if (recorded.owner) profiles.set(recorded.owner.subjectId, recorded.owner)
    activities.set(id, recorded.activity)
    if (recorded.revision) revisions.set(`${id} ${recorded.revision.reportedBy}`, recorded.revision)
    facts.push(...recorded.facts)
    return recorded.outcome
  }

  function statements(at: string): Statement[] {
    const profileRows = [...profiles.values()]
      .filter((profile) => !before.has(profile.subjectId) || !isSameProfile(profile, openedOf(profile)))
      .map((profile) => sealProfile(profile, before.get(profile.subjectId) ?? null, keys))
    const changed = [...activities.values()]
      .filter((activity) => activity.reportedBy !== heldBy.get(activity.id))
      .map((activity) => ({ row: rowOf(activity), heldBy: heldBy.get(activity.id) ?? null }))
    return [
      ...(programmes.size > 0 ? [writeProgrammes(programmes, at)] : []),
      ...(profileRows.length > 0 ? [writeProfiles(profileRows)] : []),
      ...(changed.length > 0 ? [writeActivities(changed, at)] : []),
      ...(revisions.size > 0 ? [writeRevisions([...revisions.values()].map(rowOf))] : []),
    ]
  }

  function openedOf(profile: Profile): Profile {
    return before.get(profile.subjectId)?.profile ?? profile
  }
}

export function activityOf(row: ActivityRow): Activity {
  return {
    id: row.id,
    subjectId: row.subject_id,
    kind: row.kind,
    partner: row.partner,
    sourceId: row.source_id,
    role: row.role,
    occurredAt: row.occurred_at,
    programmeId: row.programme_id,
    details: row.details,
    reportedAt: row.reported_at,
    reportedBy: row.reported_by,
  }
}

function rowOf(activity: Activity): ActivityRow {
  return {
    id: activity.id,
    subject_id: activity.subjectId,
    kind: activity.kind,
    partner: activity.partner,
    source_id: activity.sourceId,
    role: activity.role,
    occurred_at: activity.occurredAt,
    programme_id: activity.programmeId,
    details: activity.details,
    reported_at: activity.reportedAt,
    reported_by: activity.reportedBy,
  }
}
