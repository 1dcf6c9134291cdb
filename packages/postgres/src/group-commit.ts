import { setTimeout as sleep } from 'node:timers/promises'
import { PostgresRefused, PostgresUnavailable } from './errors.ts'

export type GroupCommitOptions<Item, Result> = {
  /** the most items that share a commit, 100 by default */
  readonly sizeMax?: number
  /**
   * flushes of a tenant begin at least this far apart unless enough wait already, so that neighbours in time share a
   * commit; what comes after a rest goes at once; 0 by default
   */
  readonly paceMs?: number
  /** commits the items together and answers for each, in their order */
  run(tenantId: string, items: readonly Item[]): Promise<readonly Result[]>
}

export interface GroupCommit<Item, Result> {
  /** resolves after the commit that carried the item */
  submit(tenantId: string, item: Item): Promise<Result>
}

/** So many share a commit already that more company would save little. */
const enough = 16

type Submitted<Item, Result> = { readonly item: Item; resolve(result: Result): void; reject(error: unknown): void }

/**
 * Lets concurrent work of one tenant share a commit. While a flush of a tenant is under way its items wait for the next
 * one, first come, first served; tenants do not wait for each other. A batch that the server refused is repeated one by
 * one, so that only the bad item fails; an outage fails all of it, as does an error that is not the server's.
 */
export function groupCommit<Item, Result>(options: GroupCommitOptions<Item, Result>): GroupCommit<Item, Result> {
  const { sizeMax = 100, paceMs = 0 } = options
  const queues = new Map<string, Submitted<Item, Result>[]>()

  async function drain(tenantId: string, queue: Submitted<Item, Result>[]): Promise<void> {
    while (queue.length > 0) {
      const nextMs = performance.now() + paceMs
      await flush(tenantId, queue.splice(0, sizeMax))
      if (queue.length < Math.min(enough, sizeMax)) await restUntil(nextMs)
    }
    queues.delete(tenantId)
  }

  async function flush(tenantId: string, batch: readonly Submitted<Item, Result>[]): Promise<void> {
    try {
      const items = batch.map(({ item }) => item)
      resolveAll(batch, await options.run(tenantId, items))
    } catch (error) {
      if (error instanceof PostgresRefused && batch.length > 1) await flushOneByOne(tenantId, batch)
      else for (const submitted of batch) submitted.reject(error)
    }
  }

  async function flushOneByOne(tenantId: string, batch: readonly Submitted<Item, Result>[]): Promise<void> {
    let outage: PostgresUnavailable | null = null
    for (const submitted of batch) {
      if (outage) {
        submitted.reject(new PostgresUnavailable(outage.reason, 'no', outage.code))
        continue
      }
      try {
        const [result] = await options.run(tenantId, [submitted.item])
        submitted.resolve(result as Result)
      } catch (error) {
        submitted.reject(error)
        if (error instanceof PostgresUnavailable) outage = error
      }
    }
  }

  return {
    submit(tenantId, item) {
      return new Promise((resolve, reject) => {
        const submitted = { item, resolve, reject }
        const queue = queues.get(tenantId)
        if (queue) return void queue.push(submitted)
        const started = [submitted]
        queues.set(tenantId, started)
        // What arrives in the same turn of the event loop shares the first flush.
        setImmediate(() => void drain(tenantId, started))
      })
    },
  }
}

function resolveAll<Result>(batch: readonly Submitted<unknown, Result>[], results: readonly Result[]): void {
  if (results.length !== batch.length) throw new TypeError(`run answered ${results.length} of ${batch.length} items`)
  for (const [index, submitted] of batch.entries()) submitted.resolve(results[index] as Result)
}

async function restUntil(atMs: number): Promise<void> {
  const restMs = atMs - performance.now()
  if (restMs > 0) await sleep(restMs)
}
