import type { Lane } from '@csr/contracts/streams'

/** How much each tenant has sent of late: a bucket that runs out at its allowance. */
export type Allowances = Map<string, { readonly level: number; readonly atMs: number; readonly isOver: boolean }>

/** The allowance of so much time may come at once, and one webhook at least. */
const burstMs = 500
/** Tenants remembered at most before those with an empty bucket are forgotten. */
const tenantsMax = 10_000

/**
 * The lane of a webhook that came now. Whoever sends faster than `perSecond` for longer than `burstMs` travels on the
 * bulk lane until the bucket is half empty again: the live lane is one queue for all tenants, and nobody may fill it.
 * Changing lanes seldom keeps groups large.
 */
export function laneOfWebhook(allowances: Allowances, tenantId: string, perSecond: number, nowMs: number): Lane {
  const most = Math.max(1, (perSecond * burstMs) / 1_000)
  const before = allowances.get(tenantId)
  if (!before && allowances.size >= tenantsMax) forgetEmpty(allowances, perSecond, nowMs)
  const level = before ? levelAt(before, perSecond, nowMs) : 0
  const isOver = before?.isOver ? level > most / 2 : level + 1 > most
  allowances.set(tenantId, { level: Math.min(most, level + 1), atMs: nowMs, isOver })
  return isOver ? 'bulk' : 'live'
}

function levelAt(bucket: { level: number; atMs: number }, perSecond: number, nowMs: number): number {
  return Math.max(0, bucket.level - (Math.max(0, nowMs - bucket.atMs) / 1_000) * perSecond)
}

function forgetEmpty(allowances: Allowances, perSecond: number, nowMs: number): void {
  for (const [tenantId, bucket] of allowances) {
    if (levelAt(bucket, perSecond, nowMs) === 0) allowances.delete(tenantId)
  }
}
