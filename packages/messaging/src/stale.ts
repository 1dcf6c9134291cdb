import { randomInt } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { isStale } from '@csr/postgres/errors'

const pauseMs = 8
const pauseMostMs = 200

/** A write that met another's is decided again on what is there now, after a pause that grows and differs for all. */
export async function unlessStale(triesMost: number, run: () => Promise<void>): Promise<void> {
  for (let tried = 1; ; tried += 1) {
    try {
      return await run()
    } catch (error) {
      if (!isStale(error) || tried === triesMost) throw error
      await sleep(randomInt(1, Math.min(pauseMostMs, pauseMs * 2 ** tried)))
    }
  }
}
