import type { AttemptEntry } from '../workload/attempt-log.ts'
import { reportKey, type Report } from '../workload/report.ts'

/** What the system owes for a report: accepted takes effect once; unknown, where no answer says, once or not at all. */
export type Promised = { readonly report: Report; readonly fate: 'accepted' | 'unknown' }

/** What was asked and answered, counted. Every attempt is exactly one of the last three. */
export type Asked = {
  readonly attempted: number
  readonly accepted: number
  readonly refused: number
  readonly unanswered: number
}

/**
 * Reads what was promised out of the attempt log. A report is accepted when any attempt to tell it was answered 2xx; a
 * refusal proves nothing (the commit may have happened behind it), so everything else is unknown.
 */
export function readPromises(entries: readonly AttemptEntry[]): { promised: Promised[]; asked: Asked } {
  const reports = new Map<string, { report: Report; accepted: boolean }>()
  const byAttempt = new Map<number, string>()
  const asked = { attempted: 0, accepted: 0, refused: 0, unanswered: 0 }
  for (const entry of entries) {
    if (entry.entry === 'attempt') {
      const key = reportKey(entry.report)
      byAttempt.set(entry.attempt, key)
      if (!reports.has(key)) reports.set(key, { report: entry.report, accepted: false })
      asked.attempted += 1
      continue
    }
    if (entry.entry === 'no-answer') continue
    const promised = entry.outcome === 'accepted' || entry.outcome === 'duplicate'
    if (!promised) {
      asked.refused += 1
      continue
    }
    asked.accepted += 1
    const told = reports.get(byAttempt.get(entry.attempt) ?? '')
    if (told) told.accepted = true
  }
  asked.unanswered = asked.attempted - asked.accepted - asked.refused
  const promised = [...reports.values()].map(({ report, accepted }): Promised => {
    return { report, fate: accepted ? 'accepted' : 'unknown' }
  })
  return { promised, asked }
}
