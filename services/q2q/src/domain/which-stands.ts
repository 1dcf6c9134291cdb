/** What decides between two outcomes of one activity: the later report; of two with one time the greater source id. */
export type Standing = { readonly activityId: string; readonly reportedAt: string; readonly sourceId: string }

/** Of the new ones, at most one per activity: the latest, and only where it is later than what stands. */
export function laterOf<New extends Standing>(candidates: readonly New[], standing: readonly Standing[]): New[] {
  const stands = new Map(standing.map((one) => [one.activityId, one]))
  const latest = new Map<string, New>()
  for (const candidate of candidates) {
    const current = latest.get(candidate.activityId) ?? stands.get(candidate.activityId)
    if (!current || isLater(candidate, current)) latest.set(candidate.activityId, candidate)
  }
  return [...latest.values()]
}

function isLater(a: Standing, b: Standing): boolean {
  const difference = Date.parse(a.reportedAt) - Date.parse(b.reportedAt)
  return difference === 0 ? a.sourceId > b.sourceId : difference > 0
}
