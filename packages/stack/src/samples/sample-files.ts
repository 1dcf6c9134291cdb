import type { ImportSchemaName } from '@csr/contracts/imports/schemas'
import { buddies, learners, participants, volunteers } from './sample-people.ts'
import { at, hoursLater, numbered, pick, type TextSource } from './sample-series.ts'

/** A CSV file as its partner exports it, byte for byte the same at every run. */
export type SampleFile = {
  readonly name: string
  readonly schema: ImportSchemaName
  readonly content: Buffer
  /** rows that are new, and how many of them carry a text */
  readonly activities: number
  readonly texts: number
}

/** One file per partner, each with its partner's habits, a few rows twice and a few that cannot be accepted. */
export function sampleFiles(texts: TextSource): readonly SampleFile[] {
  return [languageSessions(texts), matches(), courseCompletions()]
}

const sessionRows = 24
const sessionTexts = 12

/** Commas and CRLF, as spreadsheets write them. */
function languageSessions(texts: TextSource): SampleFile {
  const header = [
    ...['session_id', 'participant_email', 'volunteer_email', 'scheduled_at', 'completed_at', 'duration_minutes'],
    ...['rating', 'feedback_text', 'language_level', 'topics', 'metadata'],
  ]
  const rows = numbered(sessionRows, (index) => {
    const scheduledAt = at(100 + index * 3, 17)
    const said = index % 2 === 0 ? texts.ordinary() : null
    const people = [pick(participants, index * 3).email, pick(volunteers, index).email]
    const when = index % 6 === 0 ? [scheduledAt.slice(0, 10), ''] : [scheduledAt, hoursLater(scheduledAt, 1)]
    const rest = [said?.text ?? '', pick(['A2', 'B1', 'B2'], index), 'work, school', '{"room":"sample"}']
    return [`sample-file-session-${index + 1}`, ...people, ...when, '60', String((index % 5) / 4), ...rest]
  })
  const [one = [], two = [], three = [], four = []] = rows
  const bad = [
    replaced(one, { 0: 'sample-file-session-bad-1', 1: '' }),
    replaced(two, { 0: 'sample-file-session-bad-2', 6: '5' }),
    replaced(three, { 0: 'sample-file-session-bad-3', 3: 'last week' }),
    replaced(four, { 0: 'sample-file-session-bad-4', 10: 'no JSON' }),
  ]
  const all = [...rows.slice(0, 12), ...bad, ...rows.slice(12), one, rows[7] ?? [], rows[15] ?? []]
  return {
    name: 'sample-language-sessions.csv',
    schema: 'kintell.language-session@1.1',
    content: csv([header, ...all], ',', '\r\n'),
    activities: sessionRows * 2,
    texts: sessionTexts,
  }
}

const matchRows = 14

/** A byte order mark and semicolons. */
function matches(): SampleFile {
  const header = ['participant_email', 'buddy_email', 'matched_at', 'status', 'language', 'interests', 'location']
  const rows = numbered(matchRows, (index) => [
    ...[pick(participants, index).email, pick(buddies, index).email, at(10 + index * 5, 0).slice(0, 10)],
    ...[pick(['active', 'active', 'ended'], index), pick(['Norwegian', 'English'], index)],
    ...[pick(['walking, cooking', 'chess', 'football; music'], index), 'Sample town'],
  ])
  const [one = [], two = []] = rows
  const bad = [replaced(one, { 1: 'no address', 2: '2026-09-01' }), replaced(two, { 2: '2026-09-02', 3: 'perhaps' })]
  return {
    name: 'sample-matches.csv',
    schema: 'buddy.match@1.0',
    content: Buffer.concat([byteOrderMark, csv([header, ...rows, ...bad, one], ';', '\n')]),
    activities: matchRows * 2,
    texts: 0,
  }
}

const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf])
const courseRows = 20
const courseNames = ['First aid at work', 'Forklift theory', 'Norwegian for health care', 'Cash register']

/** Empty lines here and there. */
function courseCompletions(): SampleFile {
  const header = [
    ...['user_email', 'provider', 'course_id', 'course_name', 'completed_at', 'final_score'],
    'credential_ref',
  ]
  const rows = numbered(courseRows, (index) => {
    const learner = pick([...learners, ...participants.slice(0, 8)], index)
    const about = index % courseNames.length
    const course = [`SAMPLE-${201 + about}`, pick(courseNames, about)]
    return [learner.email, 'sample-academy', ...course, at(40 + index * 7, 0).slice(0, 10), String(60 + index * 2), '']
  })
  const [one = [], two = []] = rows
  const bad = [replaced(one, { 2: 'SAMPLE-301', 5: '120' }), replaced(two, { 2: '' })]
  const lines = [header, ...rows.slice(0, 6), [''], ...rows.slice(6), [''], ...bad, one, [''], ['']]
  return {
    name: 'sample-course-completions.csv',
    schema: 'upskilling.course-completion@1.0',
    content: csv(lines, ',', '\n'),
    activities: courseRows,
    texts: 0,
  }
}

function replaced(row: readonly string[], cells: Readonly<Record<number, string>>): string[] {
  return row.map((cell, column) => cells[column] ?? cell)
}

function csv(rows: readonly (readonly string[])[], delimiter: string, lineEnd: string): Buffer {
  const quoted = (cell: string): string => (/[",;\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell)
  return Buffer.from(rows.map((row) => row.map(quoted).join(delimiter) + lineEnd).join(''))
}
