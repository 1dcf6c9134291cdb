import type { OutcomeScores } from '@csr/contracts/events/q2q'
import type { OutcomeSummary } from '@csr/contracts/http/q2q'

/** Fewer people than this are never shown as a cohort. */
export const cohortMin = 5

type Means = { readonly outcomes: number; readonly people: number } & {
  readonly [Name in `${keyof OutcomeScores}${'Mean' | 'People'}`]: number | null
}

/** The summary a company sees; every number that rests on fewer than five people is suppressed. */
export function summarise(means: Means | null): OutcomeSummary {
  const shown = (means?.people ?? 0) >= cohortMin
  const mean = (name: keyof OutcomeScores): number | null => {
    const value = means?.[`${name}Mean`] ?? null
    const people = means?.[`${name}People`] ?? 0
    return value === null || people < cohortMin ? null : Math.round(value * 1_000) / 1_000
  }
  return {
    people: shown && means ? means.people : null,
    outcomes: shown && means ? means.outcomes : null,
    suppressed: !shown,
    scores: {
      confidence: mean('confidence'),
      belonging: mean('belonging'),
      languageLevel: mean('languageLevel'),
      jobReadiness: mean('jobReadiness'),
      wellBeing: mean('wellBeing'),
    },
  }
}
