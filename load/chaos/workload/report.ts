import type { Partner } from '@csr/contracts/events/ingest'

export const reportKinds = ['session.completed', 'rating.created', 'feedback.submitted', 'course.completed'] as const
export type ReportKind = (typeof reportKinds)[number]

/** What a partner has to tell, once: one version of one thing. */
export type Report = {
  /** which of the rig's companies */
  readonly company: number
  readonly partner: Partner
  readonly kind: ReportKind
  /** the partner's id of the thing; of a course, its course id (each learner of the rig takes each course once) */
  readonly thing: string
  /** the partner's time: of two versions of one thing the later stands */
  readonly reportedAt: string
  readonly people: readonly { readonly role: string; readonly email: string }[]
  /** tells the versions of a thing apart: rating in hundredths, of a course the percentage */
  readonly mark: number
  readonly text: string | null
}

/** One message of a partner: a report under a webhook id. */
export type Send = {
  readonly number: number
  readonly webhookId: string
  readonly report: Report
  /** posted this many times at once */
  readonly copies: number
  /** false: a partner that gives up after one attempt, so that nobody knows what became of it if no answer came */
  readonly persistent: boolean
}

/** The identity of a report: one version of one thing of one company. */
export function reportKey({ company, partner, kind, thing, reportedAt }: Report): string {
  return [company, partner, kind, thing, reportedAt].join('|')
}
