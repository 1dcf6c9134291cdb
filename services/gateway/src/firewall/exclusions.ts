import { readFileSync } from 'node:fs'
import type { Clock } from '@csr/runtime/clock'
import { z } from 'zod'

/** A rule does not count in one field of one route, until a day. */
const exclusion = z.strictObject({
  /** method and pattern, as `POST /v1/outcomes/scores` */
  route: z.string().min(3).max(200),
  /** a JSON pointer into the body with `*` for items, or `parameter:<name>` */
  field: z.string().min(1).max(200),
  rule: z.string().min(1).max(60),
  /** the first day on which the rule counts again, UTC */
  until: z.iso.date(),
  reason: z.string().min(10).max(500),
})
export type Exclusion = z.infer<typeof exclusion>

const fileSchema = z.array(exclusion).max(200)

/** An exception that lasts longer is no exception. */
export const exclusionDaysMax = 90

export type Exclusions = {
  /** true where the rule does not count there today */
  covers(route: string, field: string, rule: string): boolean
}

export const noExclusions: Exclusions = { covers: () => false }

type Deps = {
  readonly clock: Clock
  readonly ruleIds: ReadonlySet<string>
  /** told of entries that have ended and should leave the file */
  readonly expired: (entry: Exclusion) => void
}

/**
 * Reads exclusions from a file. Throws where one has no end, or one later than 90 days from now, or names a rule that is
 * not there: an exception that nobody looks after is a hole. One that has ended does not count any more, and no restart
 * fails for it.
 */
export function readExclusions(file: string, { clock, ruleIds, expired }: Deps): Exclusions {
  const listed = fileSchema.safeParse(JSON.parse(readFileSync(file, 'utf8')))
  if (!listed.success) throw new ExclusionsRefused(file, listed.error.issues.map(describe))
  const problems = listed.data.flatMap((entry) => problemsOf(entry, ruleIds, clock.nowMs()))
  if (problems.length > 0) throw new ExclusionsRefused(file, problems)
  for (const entry of listed.data) if (endsAtMs(entry) <= clock.nowMs()) expired(entry)
  const ends = new Map(listed.data.map((entry) => [keyOf(entry.route, entry.field, entry.rule), endsAtMs(entry)]))
  return {
    covers: (route, field, rule) => (ends.get(keyOf(route, field, rule)) ?? 0) > clock.nowMs(),
  }
}

export class ExclusionsRefused extends Error {
  constructor(file: string, problems: readonly string[]) {
    super(`${file} is not usable:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`)
    this.name = 'ExclusionsRefused'
  }
}

const dayMs = 24 * 3_600_000

function problemsOf(entry: Exclusion, ruleIds: ReadonlySet<string>, nowMs: number): string[] {
  const name = `${entry.rule} at ${entry.route} ${entry.field}`
  const leftMs = endsAtMs(entry) - nowMs
  if (!ruleIds.has(entry.rule)) return [`${name}: no rule of this name`]
  return leftMs > exclusionDaysMax * dayMs ? [`${name}: lasts longer than ${exclusionDaysMax} days`] : []
}

const endsAtMs = ({ until }: Exclusion): number => Date.parse(`${until}T00:00:00Z`)
const keyOf = (...parts: readonly string[]): string => parts.join(' ')
const describe = ({ path, message }: z.core.$ZodIssue): string => `${path.join('/')}: ${message}`
