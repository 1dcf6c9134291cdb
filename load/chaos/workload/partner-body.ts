import type { BuddyWebhook } from '@csr/contracts/partners/buddy'
import type { KintellWebhook } from '@csr/contracts/partners/kintell'
import type { EcornellWebhook } from '@csr/contracts/partners/upskilling'
import type { Report } from './report.ts'

type Person = { readonly email: string; readonly name: string }

/** The body as the partner writes it, byte for byte the same for the same report. */
export function partnerBody(report: Report): string {
  return JSON.stringify(bodyOf(report))
}

function bodyOf(report: Report): KintellWebhook | BuddyWebhook | EcornellWebhook {
  const { kind, thing, reportedAt: timestamp, mark, text } = report
  const rating = mark / 100
  switch (kind) {
    case 'session.completed':
      return {
        type: kind,
        timestamp,
        data: {
          sessionId: thing,
          sessionType: 'language',
          participant: person(report, 0),
          volunteer: person(report, 1),
          scheduledAt: happenedAt,
          rating,
          feedbackText: text,
          programme: 'Language evenings',
        },
      }
    case 'rating.created':
      return {
        type: kind,
        timestamp,
        data: {
          ratingId: thing,
          sessionId: `session-of-${thing}`,
          fromRole: 'volunteer',
          author: person(report, 0),
          rating,
          feedbackText: text,
          createdAt: happenedAt,
        },
      }
    case 'feedback.submitted':
      return {
        type: kind,
        timestamp,
        data: {
          feedbackId: thing,
          matchId: `match-of-${thing}`,
          fromRole: 'buddy',
          author: person(report, 0),
          rating,
          feedbackText: text,
          submittedAt: happenedAt,
        },
      }
    case 'course.completed':
      return {
        event_type: kind,
        event_id: `${thing}-${mark}`,
        timestamp,
        user: { email: person(report, 0).email, first_name: 'Synthetic', last_name: 'Learner' },
        course: { course_id: thing, course_name: 'A synthetic course' },
        progress: { status: 'completed', percent_complete: mark, completed_at: happenedAt },
      }
  }
}

const happenedAt = '2026-10-01T17:00:00Z'

function person({ people }: Report, place: number): Person {
  const { email = '' } = people[place] ?? {}
  return { email, name: `Synthetic ${email.split('@')[0]}` }
}
