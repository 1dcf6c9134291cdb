import type { Partner, ReportedPerson } from '@csr/contracts/events/ingest'

/** Why a body was not accepted: a JSON pointer and what is wrong there, never a value. */
export type Reason = { readonly pointer: string; readonly message: string }

/** What became of a partner's body. */
export type Translation =
  | { readonly outcome: 'report'; readonly report: Report }
  | { readonly outcome: 'misshapen'; readonly reasons: readonly Reason[] }

/** A person as the partner named one: plain, so it never leaves memory. */
export type NamedPerson = {
  readonly role: ReportedPerson['role']
  readonly email: string | null
  readonly name: string | null
  readonly phone: string | null
  readonly externalId: string | null
}

/** What every partner's report says, whoever sent it. Times are RFC 3339 UTC with milliseconds. */
type ReportOf<Kind extends string, Details> = {
  readonly kind: Kind
  readonly partner: Partner
  readonly sourceId: string
  /** the partner's own time of this report: a later one corrects an earlier one */
  readonly reportedAt: string
  readonly occurredAt: string
  readonly precision: 'instant' | 'day'
  readonly programme: string | null
  readonly people: readonly [NamedPerson, ...NamedPerson[]]
  readonly rating: number | null
  /** the text belongs to `people[author]` */
  readonly text: { readonly author: number; readonly value: string } | null
  readonly details: Details
}

export type SessionReport = ReportOf<
  'session.completed',
  {
    readonly sessionType: 'language' | 'mentorship'
    readonly scheduledAt: string
    readonly completedAt: string | null
    readonly durationMinutes: number | null
    readonly languageLevel: 'A1' | 'A2' | 'B1' | 'B2' | 'C1' | 'C2' | null
    readonly topics: readonly string[]
  }
>

export type Report = SessionReport
