import type { Job } from './job.ts'

/** Members of a group share a transaction. */
export const groupMax = 100

type TenantLane = { readonly tenantId: string; readonly jobs: Job[]; nextMs: number }

/** A group that may run now. */
export type Group = { readonly tenantId: string; readonly jobs: readonly Job[] }

/** One queue per tenant, taken in turn: a tenant with much to do makes nobody wait longer than one group. */
export interface Lanes {
  add(job: Job): void
  /** puts back what was not settled, in front */
  putBack(tenantId: string, jobs: readonly Job[]): void
  /** a group of this tenant ended that began at `beganMs`: the longer it took, the later the next one begins */
  rest(tenantId: string, beganMs: number, endedMs: number): void
  /** the next group of a tenant that is not busy, or how long until there may be one (Infinity: nothing waits) */
  take(nowMs: number, busy: ReadonlySet<string>): Group | number
  /** forgets tenants that have nothing to do */
  prune(nowMs: number): void
}

/** How far apart groups begin that are not full: as the square of what the last one took beyond 40 ms (60 ms: 50 ms). */
const restOf = (tookMs: number): number => Math.max(0, tookMs - 40) ** 2 / 8

/**
 * Groups of one tenant begin `paceMs` apart unless a full one is there, so that neighbours in time share a commit; further
 * apart when groups take long, which they do when processor or database have too much to do, but `restMostMs` at most. Then
 * fewer, larger groups do the same work for less.
 */
export function createLanes(paceMs: number, restMostMs: number): Lanes {
  const lanes = new Map<string, TenantLane>()

  function laneOf(tenantId: string): TenantLane {
    let lane = lanes.get(tenantId)
    if (!lane) {
      lane = { tenantId, jobs: [], nextMs: 0 }
      lanes.set(tenantId, lane)
    }
    return lane
  }

  return {
    add: (job) => void laneOf(job.tenantId).jobs.push(job),
    putBack: (tenantId, jobs) => void laneOf(tenantId).jobs.unshift(...jobs),
    rest(tenantId, beganMs, endedMs) {
      const lane = laneOf(tenantId)
      lane.nextMs = Math.max(lane.nextMs, beganMs + Math.min(restMostMs, restOf(endedMs - beganMs)))
    },
    take(nowMs, busy) {
      let soonestMs = Infinity
      for (const lane of lanes.values()) {
        if (lane.jobs.length === 0 || busy.has(lane.tenantId)) continue
        if (lane.jobs.length < groupMax && lane.nextMs > nowMs) {
          soonestMs = Math.min(soonestMs, lane.nextMs - nowMs)
          continue
        }
        lane.nextMs = nowMs + paceMs
        lanes.delete(lane.tenantId)
        lanes.set(lane.tenantId, lane)
        return { tenantId: lane.tenantId, jobs: lane.jobs.splice(0, groupMax) }
      }
      return soonestMs
    },
    prune(nowMs) {
      for (const lane of lanes.values()) if (lane.jobs.length === 0 && lane.nextMs < nowMs) lanes.delete(lane.tenantId)
    },
  }
}
