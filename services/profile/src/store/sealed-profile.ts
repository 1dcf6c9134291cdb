import type { SealedText } from '@csr/contracts/events/envelope'
import { KeyringUnavailable } from '@csr/keyring/errors'
import type { Keys } from '@csr/keyring/keys'
import { personalFields, type PersonalField, type Profile, type Said } from '../domain/profile.ts'
import type { PersonalRow, ProfileRow } from './queries.ts'

/** Opened personal fields; null is a field nobody has reported. */
export type PersonalValues = Readonly<Record<PersonalField, string | null>>

const placeOf = (field: PersonalField, subjectId: string) => ({ field: `profile.profiles.${field}`, row: subjectId })

/** The value, or null where its person is erased. A key that is missing means: try again later. */
export function openValue(keys: Keys, sealed: SealedText, place: { field: string; row: string }): string | null {
  const opened = keys.open(sealed, place)
  if (opened.state === 'missing') throw new KeyringUnavailable(`the key of ${place.field} is missing`)
  return opened.state === 'erased' ? null : opened.value
}

/** What a profile shows to those who may read personal fields. */
export function openPersonal(row: PersonalRow, keys: Keys): PersonalValues {
  const value = (field: PersonalField) => {
    const sealed = row[`${field}_sealed`]
    return sealed === null ? null : openValue(keys, sealed, placeOf(field, row.subject_id))
  }
  return { name: value('name'), email: value('email'), phone: value('phone') }
}

export function openProfile(row: ProfileRow, keys: Keys): Profile {
  const said = (field: PersonalField): Said | null => {
    const [sealed, reportedAt, reportedBy] = [
      row[`${field}_sealed`],
      row[`${field}_reported_at`],
      row[`${field}_reported_by`],
    ]
    if (sealed === null || reportedAt === null || reportedBy === null) return null
    const value = openValue(keys, sealed, placeOf(field, row.subject_id))
    return value === null ? null : { value, reportedAt, reportedBy }
  }
  return {
    subjectId: row.subject_id,
    createdAt: row.created_at,
    changedAt: row.changed_at,
    personal: { name: said('name'), email: said('email'), phone: said('phone') },
    programmeActivities: row.programme_activities,
  }
}

/** The row to write. A value that has not changed keeps its sealed form. */
export function sealProfile(
  profile: Profile,
  before: { row: ProfileRow; profile: Profile } | null,
  keys: Keys,
): ProfileRow {
  const { subjectId, personal } = profile
  const sealed = (field: PersonalField) => {
    const said = personal[field]
    if (!said) return null
    if (said.value === before?.profile.personal[field]?.value) return before.row[`${field}_sealed`]
    return keys.seal(subjectId, placeOf(field, subjectId), said.value)
  }
  return {
    subject_id: subjectId,
    version: (before?.row.version ?? 0) + 1,
    name_sealed: sealed('name'),
    name_reported_at: personal.name?.reportedAt ?? null,
    name_reported_by: personal.name?.reportedBy ?? null,
    email_sealed: sealed('email'),
    email_reported_at: personal.email?.reportedAt ?? null,
    email_reported_by: personal.email?.reportedBy ?? null,
    phone_sealed: sealed('phone'),
    phone_reported_at: personal.phone?.reportedAt ?? null,
    phone_reported_by: personal.phone?.reportedBy ?? null,
    programme_activities: profile.programmeActivities,
    created_at: profile.createdAt,
    changed_at: profile.changedAt,
  }
}

/** Whether there is anything to write. */
export function isSameProfile(one: Profile, other: Profile): boolean {
  const said = personalFields.every((field) => isSameSaid(one.personal[field], other.personal[field]))
  return said && one.changedAt === other.changedAt && isSameCount(one, other) && isSameCount(other, one)
}

function isSameSaid(one: Said | null, other: Said | null): boolean {
  if (one === null || other === null) return one === other
  return one.value === other.value && one.reportedAt === other.reportedAt && one.reportedBy === other.reportedBy
}

function isSameCount(one: Profile, other: Profile): boolean {
  return Object.entries(one.programmeActivities).every(([id, count]) => other.programmeActivities[id] === count)
}
