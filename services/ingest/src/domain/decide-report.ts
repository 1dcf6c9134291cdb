/**
 * Same natural key and same content is a duplicate; other content is a correction. Of two contents the later partner
 * time wins, at equal times the one accepted later, and both stay in history. Content seen before counts as a late copy
 * unless its time is later than the winner's: then the partner has changed its mind back.
 */
export function decideReport(known: KnownReport, incoming: IncomingReport): ReportDecision {
  if (incoming.content === known.content) return { outcome: 'duplicate', deliveryId: known.deliveryId }
  const copyOf = known.earlier.find((entry) => entry.content === incoming.content)
  if (copyOf && incoming.reportedAt <= known.reportedAt) return { outcome: 'duplicate', deliveryId: copyOf.deliveryId }
  const { content, reportedAt, deliveryId } = incoming
  const wins = incoming.reportedAt >= known.reportedAt
  const beaten = wins ? { content: known.content, deliveryId: known.deliveryId } : { content, deliveryId }
  const others = known.earlier.filter((entry) => entry.content !== content && entry.content !== beaten.content)
  const earlier = [...others, beaten].slice(-earlierMax)
  const winner = wins ? { content, reportedAt, deliveryId } : known
  return {
    outcome: 'correction',
    next: { content: winner.content, reportedAt: winner.reportedAt, deliveryId: winner.deliveryId, earlier },
  }
}

/** Bounds the row of a thing that is corrected again and again. A copy of anything older counts as a correction that loses. */
export const earlierMax = 20

/** `content` is a fingerprint; times are RFC 3339 UTC with milliseconds, so they compare as text. */
export type IncomingReport = { readonly content: string; readonly reportedAt: string; readonly deliveryId: string }

export type KnownReport = IncomingReport & {
  readonly earlier: readonly { readonly content: string; readonly deliveryId: string }[]
}

export type ReportDecision =
  | { readonly outcome: 'duplicate'; readonly deliveryId: string }
  | { readonly outcome: 'correction'; readonly next: KnownReport }
