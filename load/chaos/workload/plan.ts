import type { SeededRandom } from '../seeded-random.ts'
import { reportKinds, type Report, type ReportKind, type Send } from './report.ts'

/** How many of a hundred messages are what; the rest are new reports, sent until they are answered. */
const ofHundred = {
  laterVersion: 8,
  earlierVersion: 4,
  sameWebhookId: 6,
  otherWebhookId: 4,
  parallelCopies: 3,
  oneAttempt: 3,
}
const parallelCopies = 3
/** Messages change places within a window of this many. */
const window = 10
const participants = 40
const others = 12
const firstReportAt = Temporal.Instant.from('2026-10-05T08:00:00Z')

type Told = { readonly send: Send; versions: number; latestHours: number; earliestHours: number }

/** The messages of a run, without end: a function of the seed and nothing else. */
export function* planWorkload(random: SeededRandom, companies: number): Generator<Send, never> {
  const next = planner(random.fork('workload'), companies)
  const order = random.fork('order')
  for (;;) yield* order.shuffled(Array.from({ length: window }, next))
}

/** A message that asks whether the system works: a new session with a text, which has every kind of effect. */
export function probe(number: number): Send {
  const report = newReport({ company: 0, kind: 'session.completed', number, name: 'probe', text: sentences[0] ?? '' })
  return { number: -number, webhookId: `probe-${number}`, report, copies: 1, persistent: true }
}

function planner(random: SeededRandom, companies: number): () => Send {
  const told: Told[] = []
  let number = 0
  return () => {
    number += 1
    const roll = { left: random.below(100) }
    const is = (share: number): boolean => (roll.left -= share) < 0
    const known = told.length > 0 ? random.pick(told.slice(-recent)) : null
    if (known) {
      if (is(ofHundred.laterVersion)) return nextVersion(known, number, (known.latestHours += 1))
      if (is(ofHundred.earlierVersion)) return nextVersion(known, number, (known.earliestHours -= 1))
      if (is(ofHundred.sameWebhookId)) return { ...known.send, number, copies: 1, persistent: true }
      if (is(ofHundred.otherWebhookId)) return { ...known.send, ...identity(number), copies: 1, persistent: true }
    }
    const send: Send = {
      ...identity(number),
      report: newReport({
        company: random.below(companies),
        kind: random.pick(reportKinds),
        number,
        name: 'thing',
        text: random.chance(0.6) ? random.pick(sentences) : null,
      }),
      copies: is(ofHundred.parallelCopies) ? parallelCopies : 1,
      persistent: !is(ofHundred.oneAttempt),
    }
    told.push({ send, versions: 1, latestHours: 0, earliestHours: 0 })
    return send
  }
}

/** Corrections and repeats are about one of this many latest things. */
const recent = 200

const identity = (number: number) => ({ number, webhookId: `message-${number}` })

/** Another version of a thing: another mark at another time of the partner, the same people, a text where the first had one. */
function nextVersion(known: Told, number: number, hours: number): Send {
  const { report } = known.send
  const mark = (report.mark + known.versions * 7) % 101
  known.versions += 1
  const reportedAt = Temporal.Instant.from(report.reportedAt).add({ hours }).toString()
  return { ...identity(number), report: { ...report, mark, reportedAt }, copies: 1, persistent: true }
}

type New = {
  readonly company: number
  readonly kind: ReportKind
  readonly number: number
  readonly name: string
  readonly text: string | null
}

function newReport({ company, kind, number, name, text }: New): Report {
  const participant = { role: 'participant', email: `participant-${number % participants}@example.org` }
  const other = `${number % others}@example.org`
  const about = {
    company,
    kind,
    thing: `${name}-${number}`,
    reportedAt: firstReportAt.add({ minutes: number }).toString(),
    mark: (number * 13) % 101,
  }
  switch (kind) {
    case 'session.completed':
      return {
        ...about,
        partner: 'kintell',
        people: [participant, { role: 'volunteer', email: `volunteer-${other}` }],
        text,
      }
    case 'rating.created':
      return { ...about, partner: 'kintell', people: [{ role: 'volunteer', email: `volunteer-${other}` }], text }
    case 'feedback.submitted':
      return { ...about, partner: 'buddy', people: [{ role: 'buddy', email: `buddy-${other}` }], text }
    case 'course.completed':
      return { ...about, partner: 'upskilling', people: [{ ...participant, role: 'learner' }], text: null }
  }
}

const sentences = [
  'I feel more confident when I order something or ask for the way.',
  'I made new friends in the group and I no longer feel alone.',
  'My pronunciation is better and I speak up in meetings now.',
  'We wrote a letter for an application together and I sent it.',
  'I was nervous before the evening and I doubt that I will go again.',
  'They spoke too fast and I could not follow the half of it.',
  'I felt welcome from the first minute and I laughed a lot.',
  'We practised questions of an interview, and I believe in myself again.',
]
