import { writeSync } from 'node:fs'
import { kill, pid } from 'node:process'
import { workerData } from 'node:worker_threads'

/**
 * Counts its own ticks since the last sign of life, never the time on the clock: a machine that was paused pauses this
 * thread as well, and is no hang.
 */
const tickEveryMs = 500
const silentMaxMs = 5_000

const beats = workerData as Int32Array
let last = -1
let silentMs = 0

setInterval(() => {
  const now = Atomics.load(beats, 0)
  silentMs = now === last ? silentMs + tickEveryMs : 0
  last = now
  if (silentMs < silentMaxMs) return
  writeSync(2, `${JSON.stringify({ level: 'fatal', event: 'event-loop-silent', pid, silentMs })}\n`)
  kill(pid, 'SIGKILL')
}, tickEveryMs)
