import { sampleFiles, type SampleFile } from './sample-files.ts'
import { buddies, learners, participants, volunteers } from './sample-people.ts'
import { textSource } from './sample-series.ts'
import {
  misshapenWebhooks,
  partnerReports,
  webhook,
  type PartnerReports,
  type SampleWebhook,
} from './sample-webhooks.ts'

/** What the sample job sends, and what has to be there when it has had its effect. */
export type SampleData = {
  /** the webhooks of one chain are sent one after the other; chains know nothing of each other */
  readonly chains: readonly (readonly SampleWebhook[])[]
  readonly files: readonly SampleFile[]
  readonly expected: Expected
}

export type Expected = {
  readonly people: number
  readonly activities: number
  /** texts, each of which becomes an outcome, scored or withheld */
  readonly outcomes: number
  /** reports with an id of their partner's */
  readonly sourceIds: readonly string[]
  /** things that were reported twice with other content, and how long the version that stands says they took */
  readonly corrected: readonly { readonly sourceId: string; readonly durationMinutes: number; readonly text: string }[]
}

/** The same at every call, so that a second run sends nothing new. */
export function sampleData(): SampleData {
  const texts = textSource()
  const reports = partnerReports(texts)
  const files = sampleFiles(texts)
  const { older, newer } = correction(reports)
  return {
    chains: [...ordinaryChains(reports, older), [newer, older], ...misshapenWebhooks(reports).map((bad) => [bad])],
    files,
    expected: expectedOf(reports, files),
  }
}

/** Of the sessions this one was corrected; its newer version arrives first, the older one late. */
const correctedIndex = 8
/** This rating is about a session that arrives after it. */
const earlyRating = 1
/** Reported months after it took place. */
const lateSession = 1
/** Sent again under another webhook id, and (`resent`) under the same. */
const repeated = { sessions: [4, 9, 14], feedback: [2, 7], courses: [3] }
const resent: ReadonlySet<number> = new Set([5, 10, 15])

function ordinaryChains({ sessions, ratings, feedback, courses }: PartnerReports, older: SampleWebhook) {
  const sessionChains = sessions.map((body, index) => {
    const sent = webhook('kintell', `session_${index + 1}`, body)
    if (resent.has(index)) return [sent, sent]
    return repeated.sessions.includes(index) ? [sent, webhook('kintell', `session_${index + 1}_again`, body)] : [sent]
  })
  const ratingChains = ratings.map((body, index) => [webhook('kintell', `rating_${index + 1}`, body)])
  const feedbackChains = feedback.map((body, index) => {
    const sent = webhook('buddy', `feedback_${index + 1}`, body)
    return repeated.feedback.includes(index) ? [sent, webhook('buddy', `feedback_${index + 1}_again`, body)] : [sent]
  })
  const courseChains = courses.map((body, index) => {
    const sent = webhook('upskilling', `course_${index + 1}`, body)
    return repeated.courses.includes(index) ? [sent, webhook('upskilling', `course_${index + 1}_again`, body)] : [sent]
  })
  const aboutLater = ratings[earlyRating]?.data.sessionId ?? ''
  const session = sessionChains[Number(aboutLater.replace('sample-session-', '')) - 1] ?? []
  const outOfOrder = [...(ratingChains[earlyRating] ?? []), ...session]
  const late = sessionChains[lateSession] ?? []
  const apart = new Set([session, ratingChains[earlyRating], late])
  const ordinary = [...sessionChains, ...ratingChains, ...feedbackChains, ...courseChains]
  return [
    outOfOrder,
    ...ordinary.filter((chain) => !apart.has(chain) && !chain.some(({ id }) => id === older.id)),
    late,
  ]
}

function correction({ sessions }: PartnerReports): { older: SampleWebhook; newer: SampleWebhook } {
  const session = sessions[correctedIndex]
  if (session === undefined) throw new Error('there is no session to correct')
  const name = `session_${correctedIndex + 1}`
  const data = { ...session.data, ...corrected }
  const timestamp = new Date(Date.parse(session.timestamp) + 86_400_000).toISOString()
  return {
    older: webhook('kintell', name, session),
    newer: webhook('kintell', `${name}_corrected`, { ...session, timestamp, data }),
  }
}

const corrected = {
  durationMinutes: 95,
  rating: 0.9,
  feedbackText: 'We met twice as long as planned. I feel more confident, and I made friends.',
}

function expectedOf(reports: PartnerReports, files: readonly SampleFile[]): Expected {
  const { sessions, ratings, feedback, courses } = reports
  const own = [...sessions, ...ratings, ...feedback]
  const inFiles = (count: 'activities' | 'texts'): number => files.reduce((sum, file) => sum + file[count], 0)
  return {
    people: participants.length + volunteers.length + buddies.length + learners.length,
    activities: sessions.length * 2 + ratings.length + feedback.length + courses.length + inFiles('activities'),
    outcomes: own.filter(({ data }) => Boolean(data.feedbackText)).length + inFiles('texts'),
    sourceIds: [
      ...sessions.map(({ data }) => data.sessionId),
      ...ratings.map(({ data }) => data.ratingId),
      ...feedback.map(({ data }) => data.feedbackId),
    ],
    corrected: [
      {
        sourceId: sessions[correctedIndex]?.data.sessionId ?? '',
        durationMinutes: corrected.durationMinutes,
        text: corrected.feedbackText,
      },
    ],
  }
}
