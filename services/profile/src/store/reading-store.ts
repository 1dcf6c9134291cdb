import { insertEvents } from '@csr/messaging/outbox'
import type { Postgres } from '@csr/postgres/connect'
import { groupCommit, type GroupCommit } from '@csr/postgres/group-commit'
import type { Clock } from '@csr/runtime/clock'
import { recordRead, type ProfileEvent, type Reading, type Stamp } from '../events.ts'

export type Reader = { readonly tenantId: string; readonly actorId: string; readonly requestId: string }

export interface ReadingStore {
  /**
   * To be awaited before personal fields are answered. The first reading of a person by an actor in a quarter of an hour
   * is committed when this resolves; later ones are counted in memory. If it cannot be written this throws: no answer.
   */
  record(reader: Reader, subjectIds: readonly string[]): Promise<void>
  /** Announces what was counted since the last time and forgets quarters that are over. Returns how many. */
  announce(): Promise<number>
}

type Counted = Reading & { readonly committed: Promise<unknown>; readonly firstEventId: string; uncounted: number }

const quarterMs = 900_000
/** Above this many pairs of actor and person, what was counted is forgotten early: the next reading is a first one again. */
const pairsMax = 100_000

type Deps = {
  readonly postgres: Pick<Postgres, 'group'>
  readonly relay: { wake(): void }
  readonly clock: Clock
  readonly stamp: Stamp
}

export function createReadingStore({ postgres, relay, clock, stamp }: Deps): ReadingStore {
  const counted = new Map<string, Counted>()
  const commits: Commits = groupCommit({
    run: async (tenantId, items) => {
      await postgres.group(tenantId, [insertEvents('profile', items.flat())])
      relay.wake()
      return items.map(() => null)
    },
  })

  return { record, announce }

  async function record(reader: Reader, subjectIds: readonly string[]): Promise<void> {
    const { tenantId, actorId, requestId } = reader
    const quarter = quarterOf(clock.nowMs())
    const readings = subjectIds.map((subjectId) => ({ tenantId, actorId, subjectId, quarter }))
    const first = readings.filter((reading) => !counted.has(keyOf(reading)))
    const again = readings.flatMap((reading) => counted.get(keyOf(reading)) ?? [])
    for (const entry of again) entry.uncounted += 1
    await Promise.all([commitFirst(first, requestId), ...again.map((entry) => entry.committed)])
  }

  async function commitFirst(readings: readonly Reading[], requestId: string): Promise<void> {
    const [{ tenantId } = { tenantId: '' }] = readings
    if (readings.length === 0) return
    const events = readings.map((reading) => recordRead(reading, 1, requestId, stamp))
    const committed = commits.submit(tenantId, events)
    for (const [index, reading] of readings.entries()) {
      const firstEventId = events[index]?.id ?? requestId
      counted.set(keyOf(reading), { ...reading, committed, firstEventId, uncounted: 0 })
    }
    try {
      await committed
    } catch (error) {
      for (const reading of readings) counted.delete(keyOf(reading))
      throw error
    }
  }

  async function announce(): Promise<number> {
    const quarter = quarterOf(clock.nowMs())
    const full = counted.size > pairsMax
    const waiting = [...counted.values()].filter((entry) => entry.uncounted > 0)
    const tenants = Map.groupBy(waiting, (entry) => entry.tenantId)
    await Promise.all([...tenants].map(([tenantId, entries]) => announceCounts(tenantId, entries, commits, stamp)))
    for (const [key, entry] of counted) {
      if (entry.uncounted === 0 && (full || entry.quarter !== quarter)) counted.delete(key)
    }
    return waiting.length
  }
}

/** What cannot be written stays counted. */
async function announceCounts(tenantId: string, entries: readonly Counted[], commits: Commits, stamp: Stamp) {
  const taken = entries.map((entry) => ({ entry, count: entry.uncounted }))
  const events = taken.map(({ entry, count }) => recordRead(entry, count, entry.firstEventId, stamp))
  for (const { entry } of taken) entry.uncounted = 0
  try {
    await commits.submit(tenantId, events)
  } catch (error) {
    for (const { entry, count } of taken) entry.uncounted += count
    throw error
  }
}

type Commits = GroupCommit<readonly ProfileEvent[], null>

const keyOf = ({ tenantId, actorId, subjectId, quarter }: Reading) =>
  JSON.stringify([tenantId, actorId, subjectId, quarter])

const quarterOf = (nowMs: number) => new Date(nowMs - (nowMs % quarterMs)).toISOString()
