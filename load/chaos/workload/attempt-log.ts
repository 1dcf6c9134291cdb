import { readFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import type { Report } from './report.ts'

/** Written before a request leaves, and after its answer came or did not. */
export type AttemptEntry =
  | {
      readonly entry: 'attempt'
      /** unique in the log; the answer names it */
      readonly attempt: number
      /** Unix milliseconds of the rig */
      readonly at: number
      readonly webhookId: string
      readonly report: Report
    }
  | {
      readonly entry: 'answer'
      readonly attempt: number
      readonly at: number
      readonly status: number
      /** of a 202: accepted, duplicate or quarantined */
      readonly outcome: string | null
      /** the header of that name, in seconds */
      readonly retryAfter: number | null
      readonly tookMs: number
    }
  | { readonly entry: 'no-answer'; readonly attempt: number; readonly at: number; readonly tookMs: number }

/** What the rig did, on disk before it does it: the oracle trusts this file and the system, and nothing the rig remembers. */
export type AttemptLog = AsyncDisposable & {
  readonly file: string
  /** resolves when the entry is on disk */
  append(entry: AttemptEntry): Promise<void>
}

/** Opens a new log. Entries that come together share one sync. */
export async function openAttemptLog(file: string): Promise<AttemptLog> {
  const handle = await open(file, 'ax', 0o600)
  let waiting: string[] = []
  let flushing: Promise<void> = Promise.resolve()
  let planned: Promise<void> | null = null

  async function flush(): Promise<void> {
    await flushing.catch(() => undefined)
    planned = null
    const lines = waiting
    waiting = []
    await handle.write(lines.join(''))
    await handle.datasync()
  }

  return {
    file,
    append(entry) {
      waiting.push(`${JSON.stringify(entry)}\n`)
      planned ??= flushing = flush()
      return planned
    },
    async [Symbol.asyncDispose]() {
      await flushing
      await handle.close()
    },
  }
}

/** All whole entries of a log; a line that was cut by a crash was never acted upon. */
export function readAttempts(file: string): AttemptEntry[] {
  const lines = readFileSync(file, 'utf8').split('\n')
  return lines.slice(0, -1).map((line) => JSON.parse(line) as AttemptEntry)
}
