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
  readonly identity: Identity
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
  /** what belongs to `people[0]` and leaves this service in no event: kept sealed with the delivery */
  readonly kept: Readonly<Record<string, unknown>> | null
}

/** What makes two reports speak of the same thing: the partner's own id, or else who it is about and what. */
export type Identity =
  | { readonly by: 'source'; readonly sourceId: string }
  | { readonly by: 'people'; readonly parts: readonly string[] }

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

type FeedbackDetails = {
  readonly fromRole: 'participant' | 'volunteer' | 'buddy'
  readonly about: { readonly kind: 'session' | 'match'; readonly sourceId: string }
}
export type RatingReport = ReportOf<'rating.created', FeedbackDetails>
export type FeedbackReport = ReportOf<'feedback.submitted', FeedbackDetails>

export type CourseReport = ReportOf<
  'course.completed',
  {
    readonly provider: string
    readonly course: { readonly id: string; readonly name: string; readonly url: string | null }
    readonly startedAt: string | null
    readonly completedAt: string | null
    readonly percentComplete: number | null
    readonly score: number | null
    readonly certificateIssuedAt: string | null
  }
>

export type MatchReport = ReportOf<
  'match.created',
  { readonly status: 'active' | 'inactive' | 'ended'; readonly language: string | null }
>

export type Report = SessionReport | RatingReport | FeedbackReport | CourseReport | MatchReport
