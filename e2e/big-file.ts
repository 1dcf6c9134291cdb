/** The columns of a file of Kintell language sessions. */
export const sessionColumns =
  'session_id,participant_email,volunteer_email,scheduled_at,completed_at,duration_minutes,rating,feedback_text,language_level,topics,metadata'

/** A file of so many rows, and what becomes of them: each thousandth is bad, each hundredth repeats the one before. */
export function bigFile(name: string, count: number) {
  const isBad = (number: number) => number % 1_000 === 0
  const repeats = (number: number) => number % 100 === 1 && number > 1
  const lines = [sessionColumns]
  const expected = { accepted: 0, duplicate: 0, quarantined: 0 }
  for (let number = 1; number <= count; number += 1) {
    const of = repeats(number) ? number - 1 : number
    const line = `${name}-${of},${name}-${of % 3_000}@example.org,v-${of % 50}@example.org,2026-11-01T10:00:00Z,,45,0.5,,B1,work,`
    lines.push(isBad(of) ? line.replace('0.5', 'bad') : line)
    if (isBad(of)) expected.quarantined += 1
    else if (repeats(number)) expected.duplicate += 1
    else expected.accepted += 1
  }
  return { text: lines.join('\n'), expected: { total: count, ...expected } }
}
