import { purpose, type Purpose } from '@csr/contracts/events/privacy'
import type { Consent } from '@csr/contracts/http/privacy'

/** The latest decision of a person about one purpose. */
export type Decision = {
  readonly purpose: Purpose
  readonly allowed: boolean
  readonly notice: string
  readonly decidedAt: string
}

/** On what ground each purpose rests while nobody decided anything; only consent has to be given first. */
const bases: Readonly<Record<Purpose, Consent['basis']>> = {
  programme_delivery: 'contract',
  impact_measurement: 'legitimate_interest',
  ai_scoring: 'legitimate_interest',
  research: 'consent',
  marketing: 'consent',
}

/** Where a person stands on every purpose, given their latest decisions. */
export function consentsOf(decisions: readonly Decision[]): Consent[] {
  const decided = new Map(decisions.map((decision) => [decision.purpose, decision]))
  return purpose.options.map((name) => consentOf(name, decided.get(name)))
}

export function consentOf(name: Purpose, decision: Decision | undefined): Consent {
  const basis = bases[name]
  return {
    purpose: name,
    basis,
    allowed: decision?.allowed ?? basis !== 'consent',
    decidedAt: decision?.decidedAt ?? null,
    notice: decision?.notice ?? null,
  }
}

/** Of these people, those for whom at least one of the purposes is not allowed. */
export function refusing(
  subjectIds: readonly string[],
  purposes: readonly Purpose[],
  decisions: readonly (Decision & { readonly subjectId: string })[],
): string[] {
  const decided = new Map(decisions.map((decision) => [`${decision.subjectId}/${decision.purpose}`, decision]))
  return subjectIds.filter((id) => purposes.some((name) => !consentOf(name, decided.get(`${id}/${name}`)).allowed))
}
