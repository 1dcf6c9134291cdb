import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from '@csr/runtime/logger'
import { openLane, type Lane } from './lane.ts'

/** A held lock; `lost` aborts as soon as the connection that holds it is known to be gone. */
export type Held = { readonly lost: AbortSignal } & AsyncDisposable

type LockOptions = {
  readonly url: string
  readonly applicationName: string
  readonly logger: Logger
  readonly signal: AbortSignal
}

const openMs = 1_000
/** Those who stand by look this often; a lock whose holder died is free at once. */
const tryEveryMs = 250
/** The holder asks this often whether its connection lives, and gives it as long to answer. */
const checkEveryMs = 1_000

/**
 * The server ends a holder's connection that asks nothing for this long: a process that is frozen, or cut off, keeps its
 * connection for hours otherwise, and with it the lock.
 */
const silentMost = '5s'
const limitSilence = `select set_config('idle_session_timeout', $1, false)`

const tryLock = `select pg_try_advisory_lock(hashtextextended($1, 0)) as held`

/**
 * Waits until the session advisory lock of that name is held, through outages of any length, on a connection of its
 * own. Rejects only when `signal` aborts, with its reason.
 */
export async function holdLock(lockName: string, options: LockOptions): Promise<Held> {
  const { signal } = options
  for (;;) {
    signal.throwIfAborted()
    const lane = await openLane({ ...options, openMs }).catch(() => null)
    if (lane && (await acquire(lane, lockName, signal))) return guard(lane)
    lane?.end()
    await delay(tryEveryMs, undefined, { signal })
  }
}

/** Asks again and again on one connection; false if the connection failed, so that another is opened. */
async function acquire(lane: Lane, lockName: string, signal: AbortSignal): Promise<boolean> {
  if (!(await ask(lane, limitSilence, [silentMost]))) return false
  while (!signal.aborted && !lane.closed) {
    const row = await ask(lane, tryLock, [lockName])
    if (!row) return false
    if (signal.aborted) break
    if (row['held'] === true) return true
    await delay(tryEveryMs, undefined, { signal }).catch(() => undefined)
  }
  return false
}

function guard(lane: Lane): Held {
  const lost = new AbortController()
  const timer = setInterval(() => void ask(lane, 'select 1', []), checkEveryMs)
  lane.onClose(() => {
    clearInterval(timer)
    lost.abort()
  })
  return {
    lost: lost.signal,
    async [Symbol.asyncDispose]() {
      lane.end()
    },
  }
}

/** One question with a deadline; a connection that does not answer is closed. */
async function ask(lane: Lane, text: string, values: readonly string[]): Promise<Record<string, unknown> | null> {
  const timer = setTimeout(() => lane.destroy(), checkEveryMs)
  try {
    const { rows } = await lane.ask(text, values)
    return (rows[0] as Record<string, unknown> | undefined) ?? null
  } catch {
    lane.destroy()
    return null
  } finally {
    clearTimeout(timer)
  }
}
