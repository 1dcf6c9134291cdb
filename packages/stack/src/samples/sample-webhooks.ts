import type { BuddyWebhook } from '@csr/contracts/partners/buddy'
import type { Partner } from '@csr/contracts/events/ingest'
import type { KintellWebhook } from '@csr/contracts/partners/kintell'
import type { EcornellWebhook } from '@csr/contracts/partners/upskilling'
import { buddies, learners, participants, volunteers, type SamplePerson } from './sample-people.ts'
import type { SampleText } from './sample-texts.ts'
import { at, hoursLater, numbered, pick, type TextSource } from './sample-series.ts'

/** One webhook as its partner sends it, byte for byte the same at every run. */
export type SampleWebhook = { readonly partner: Partner; readonly id: string; readonly body: string }

type Session = Extract<KintellWebhook, { type: 'session.completed' }>
type Rating = Extract<KintellWebhook, { type: 'rating.created' }>

export const sessionCount = 48
const ratingCount = 14
const feedbackCount = 26
const courseCount = 16

export type PartnerReports = {
  readonly sessions: readonly Session[]
  readonly ratings: readonly Rating[]
  readonly feedback: readonly BuddyWebhook[]
  readonly courses: readonly EcornellWebhook[]
}

/** What the three partners have to report, each thing once. */
export function partnerReports(texts: TextSource): PartnerReports {
  return {
    sessions: numbered(sessionCount, (index) => session(index, index % 8 < 5 ? texts.ordinary() : null)),
    ratings: numbered(ratingCount, (index) => rating(index, index % 7 < 5 ? texts.ordinary() : null)),
    feedback: numbered(feedbackCount, (index) => feedback(index, index < 16 ? texts.special() : texts.ordinary())),
    courses: numbered(courseCount, course),
  }
}

/** From 0 to 1 as the tone suggests, with a little of everything in between. */
function ratingFor(said: SampleText | null, index: number): number {
  const [least, steps] = { gain: [0.7, 6], loss: [0.1, 5], mixed: [0.4, 5], none: [0.5, 8] }[said?.tone ?? 'none'] as [
    number,
    number,
  ]
  return Math.round((least + ((index * 3) % steps) * 0.05) * 100) / 100
}

const levels = ['A1', 'A2', 'B1', 'B2'] as const
const topics = ['work', 'school', 'health', 'food', 'housing', 'weather', 'public transport', 'news']

function session(index: number, said: SampleText | null): Session {
  const mentoring = index % 4 === 3
  const scheduledAt = at(index * 4, 16 + (index % 3))
  return {
    type: 'session.completed',
    timestamp: hoursLater(scheduledAt, 3),
    data: {
      sessionId: `sample-session-${index + 1}`,
      sessionType: mentoring ? 'mentorship' : 'language',
      participant: pick(participants, index),
      volunteer: pick(volunteers, index * 3),
      scheduledAt,
      completedAt: hoursLater(scheduledAt, 1),
      durationMinutes: 45 + (index % 4) * 15,
      rating: ratingFor(said, index),
      feedbackText: said?.text ?? null,
      languageLevel: pick(levels, index + Math.floor(index / 20)),
      topics: [pick(topics, index), pick(topics, index * 3 + 1)],
      programme: mentoring ? 'Mentoring at work' : 'Language evenings',
    },
  }
}

function rating(index: number, said: SampleText | null): Rating {
  const about = index * 3
  const fromRole = index % 2 === 0 ? 'participant' : 'volunteer'
  const createdAt = hoursLater(at(about * 4, 16), 26)
  return {
    type: 'rating.created',
    timestamp: createdAt,
    data: {
      ratingId: `sample-rating-${index + 1}`,
      sessionId: `sample-session-${about + 1}`,
      fromRole,
      author: fromRole === 'participant' ? pick(participants, about) : pick(volunteers, about * 3),
      rating: ratingFor(said, index + 1),
      feedbackText: said?.text ?? null,
      createdAt,
    },
  }
}

function feedback(index: number, said: SampleText | null): BuddyWebhook {
  const fromRole = index % 3 === 2 ? 'buddy' : 'participant'
  const submittedAt = at(20 + index * 6, 19)
  return {
    type: 'feedback.submitted',
    timestamp: hoursLater(submittedAt, 1),
    data: {
      feedbackId: `sample-feedback-${index + 1}`,
      matchId: `sample-match-${(index % 14) + 1}`,
      fromRole,
      author: fromRole === 'buddy' ? pick(buddies, index) : pick(participants, index % 14),
      rating: ratingFor(said, index),
      feedbackText: said?.text ?? null,
      submittedAt,
    },
  }
}

const courseNames = ['Food safety', 'Customer service', 'Spreadsheets from the start', 'Writing at work']

function course(index: number): EcornellWebhook {
  const learner = pick([...learners, ...participants.slice(0, 4)], index)
  const completedAt = at(30 + index * 9, 12)
  const about = index % courseNames.length
  return {
    event_type: 'course.completed',
    event_id: `sample-course-${index + 1}`,
    timestamp: hoursLater(completedAt, 2),
    user: learnerOf(learner),
    course: { course_id: `SAMPLE-${101 + about}`, course_name: pick(courseNames, about) },
    progress: {
      status: 'completed',
      percent_complete: 100,
      started_at: at(10 + index * 9, 8),
      completed_at: completedAt,
    },
    certificate: index % 2 === 0 ? { certificate_id: `sample-certificate-${index + 1}`, issued_at: completedAt } : null,
  }
}

function learnerOf({ email, name, externalId }: SamplePerson): EcornellWebhook['user'] {
  const [first, ...rest] = name.split(' ')
  return { email, external_id: externalId, first_name: first ?? '', last_name: rest.join(' ') }
}

/** Signed, and not what was agreed: kept in quarantine with reasons. */
export function misshapenWebhooks({ sessions, feedback: told, courses }: PartnerReports): SampleWebhook[] {
  const [one, other] = sessions as [Session, Session]
  const [said] = told as [Extract<BuddyWebhook, { type: 'feedback.submitted' }>]
  const [done] = courses as [EcornellWebhook]
  const bodies: [Partner, unknown][] = [
    ['kintell', { ...one, data: { ...one.data, sessionId: 'sample-session-bad-1', participant: undefined } }],
    ['kintell', { ...other, data: { ...other.data, sessionId: 'sample-session-bad-2', rating: 7 } }],
    ['kintell', { ...one, type: 'session.imagined' }],
    ['buddy', { ...said, data: { ...said.data, feedbackId: 'sample-feedback-bad-1', author: { name: 'Nobody' } } }],
    ['buddy', { ...said, data: { ...said.data, feedbackId: 'sample-feedback-bad-2', submittedAt: 'last Tuesday' } }],
    ['upskilling', { ...done, event_id: 'sample-course-bad-1', user: {} }],
  ]
  return bodies.map(([partner, body], index) => webhook(partner, `bad_${index + 1}`, body))
}

export function webhook(partner: Partner, name: string, body: unknown): SampleWebhook {
  return { partner, id: `msg_sample_${partner}_${name}`, body: JSON.stringify(body) }
}
