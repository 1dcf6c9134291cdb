import type { OutcomeScores } from '@csr/contracts/events/q2q'
import { listDeliveries, listImports } from '@csr/contracts/http/ingest'
import { getProfile, listActivities, searchProfiles } from '@csr/contracts/http/profile'
import { getOutcomeSummary, listOutcomes, type Outcome } from '@csr/contracts/http/q2q'
import { listReviews } from '@csr/contracts/http/safety'
import type { LogVerification } from '../verify-audit-log.ts'
import type { CompanyClient } from '../company-client.ts'
import type { Effects } from './read-effects.ts'
import { shownPerson } from './sample-people.ts'

type Counts = { readonly accepted: number; readonly duplicate: number; readonly quarantined: number }

/**
 * What the demo company holds. Every number comes from an answer of the API; ids, times and the size of the log, which
 * differ from run to run, are left out, so that the same input gives the same document.
 */
export type SampleResult = {
  readonly deliveries: Counts
  readonly rows: Counts & { readonly total: number }
  readonly people: number
  readonly activities: number
  readonly activitiesByKind: Readonly<Record<string, number>>
  readonly outcomes: { readonly scored: number; readonly withheld: Readonly<Record<string, number>> }
  readonly meanScores: OutcomeScores
  readonly reviewsOpen: number
  readonly profile: ShownProfile | null
  readonly audit: { readonly verified: boolean }
}

export type ShownProfile = {
  readonly name: string | null
  readonly email: string | null
  readonly programmes: readonly string[]
  readonly activities: readonly ShownActivity[]
}

export type ShownActivity = {
  readonly kind: string
  readonly partner: string
  readonly role: string
  readonly occurredAt: string
  readonly outcome: ShownOutcome | null
}

export type ShownOutcome =
  | { readonly scores: OutcomeScores; readonly evidence: readonly { label: string; text: string }[] }
  | { readonly withheld: string }

/** What differs from run to run: for people only. */
export type SampleReport = {
  readonly result: SampleResult
  readonly audit: Pick<LogVerification, 'size' | 'root' | 'verified'>
}

export async function readResult(company: CompanyClient, effects: Effects, verified: boolean): Promise<SampleResult> {
  const deliveries = await company.all(listDeliveries)
  const imports = await company.all(listImports)
  const reviews = await company.all(listReviews)
  const { scores } = await company.ask(getOutcomeSummary)
  const outcomesOf = (outcome: string): number => deliveries.filter((delivery) => delivery.outcome === outcome).length
  const rowsOf = (status: keyof (typeof imports)[number]['rows']): number =>
    imports.reduce((sum, { rows }) => sum + rows[status], 0)
  const withheld = effects.outcomes.flatMap((outcome) => ('withheld' in outcome ? [outcome.withheld] : []))
  return {
    deliveries: {
      accepted: outcomesOf('accepted'),
      duplicate: outcomesOf('duplicate'),
      quarantined: outcomesOf('quarantined'),
    },
    rows: {
      total: rowsOf('total'),
      accepted: rowsOf('accepted'),
      duplicate: rowsOf('duplicate'),
      quarantined: rowsOf('quarantined'),
    },
    people: effects.people.length,
    activities: effects.activities.length,
    activitiesByKind: tally(effects.activities.map(({ kind }) => kind)),
    outcomes: { scored: effects.outcomes.length - withheld.length, withheld: tally(withheld) },
    meanScores: scores,
    reviewsOpen: reviews.filter(({ state }) => state === 'open').length,
    profile: await readShownProfile(company),
    audit: { verified },
  }
}

async function readShownProfile(company: CompanyClient): Promise<ShownProfile | null> {
  const { items } = await company.ask(searchProfiles, { body: { email: shownPerson.email } })
  const id = items[0]?.id
  if (id === undefined) return null
  const { name = null, email = null, programmes } = await company.ask(getProfile, { params: { id } })
  const outcomes = new Map(
    (await company.all(listOutcomes, { params: { id } })).map((outcome) => [outcome.activityId, outcome]),
  )
  const activities = (await company.all(listActivities, { params: { id } })).map(
    ({ id: activityId, kind, partner, role, occurredAt, sourceId }) => ({
      activity: { kind, partner, role, occurredAt, outcome: shown(outcomes.get(activityId)) },
      order: `${occurredAt} ${kind} ${role} ${sourceId}`,
    }),
  )
  return {
    name,
    email,
    programmes: programmes.map((programme) => programme.name).toSorted(),
    activities: activities.toSorted((a, b) => (a.order < b.order ? -1 : 1)).map(({ activity }) => activity),
  }
}

function shown(outcome: Outcome | undefined): ShownOutcome | null {
  if (outcome === undefined) return null
  if ('withheld' in outcome) return { withheld: outcome.withheld }
  return { scores: outcome.scores, evidence: outcome.evidence.map(({ label, text = '' }) => ({ label, text })) }
}

function tally(words: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const word of words.toSorted()) counts[word] = (counts[word] ?? 0) + 1
  return counts
}
