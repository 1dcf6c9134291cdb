/** The three things a partner may say about a person. Opened only in memory; sealed wherever they are kept. */
export const personalFields = ['name', 'email', 'phone'] as const
export type PersonalField = (typeof personalFields)[number]

/** Where a report stands among all others: by the partner's time, ties by the id of the event that brought it. */
export type Standing = { readonly reportedAt: string; readonly reportedBy: string }

/** A personal field with the report that said it last. */
export type Said = Standing & { readonly value: string }

export type Profile = {
  readonly subjectId: string
  readonly createdAt: string
  readonly changedAt: string
  readonly personal: Readonly<Record<PersonalField, Said | null>>
  /** programme id -> how many of this person's activities name it; entries are 1 or more */
  readonly programmeActivities: Readonly<Record<string, number>>
}

/** One person's part in one thing a partner reported. Times are RFC 3339 UTC with milliseconds, so that text order is time order. */
export type Activity = Standing & {
  readonly id: string
  readonly subjectId: string
  readonly kind: string
  readonly partner: 'kintell' | 'buddy' | 'upskilling'
  readonly sourceId: string
  readonly role: string
  readonly occurredAt: string
  readonly programmeId: string | null
  readonly details: Readonly<Record<string, unknown>>
}

/** What a report changed, for the rest of the system; `causedBy` is the event that brought it. */
export type Fact = { readonly causedBy: string } & (
  | { readonly fact: 'profile-created'; readonly subjectId: string }
  | { readonly fact: 'profile-changed'; readonly subjectId: string; readonly fields: readonly string[] }
  | { readonly fact: 'activity-recorded'; readonly activity: Activity; readonly correction: boolean }
)

/** Whether `report` stands after `other`. Total over distinct events, so every order of arrival ends in the same winner. */
export function standsAfter(report: Standing, other: Standing): boolean {
  if (report.reportedAt !== other.reportedAt) return report.reportedAt > other.reportedAt
  return report.reportedBy > other.reportedBy
}
