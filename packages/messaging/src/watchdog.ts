import { Worker } from 'node:worker_threads'

/** The event loop says so often that it lives. */
const beatEveryMs = 500

let users = 0
let running: { readonly thread: Worker; readonly timer: NodeJS.Timeout } | undefined

/**
 * Ends the process when its event loop is silent for 5 s, so that a message that hangs us is found out instead of holding
 * everything up. One thread per process, however many ask for it; disposing the last one ends it.
 */
export function startWatchdog(): AsyncDisposable {
  users += 1
  running ??= start()
  let released = false
  return {
    async [Symbol.asyncDispose]() {
      if (released) return
      released = true
      users -= 1
      if (users > 0 || !running) return
      const { thread, timer } = running
      running = undefined
      clearInterval(timer)
      await thread.terminate()
    },
  }
}

function start(): { thread: Worker; timer: NodeJS.Timeout } {
  const beats = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))
  const thread = new Worker(new URL('./watchdog-thread.ts', import.meta.url), { workerData: beats, name: 'watchdog' })
  thread.unref()
  const timer = setInterval(() => Atomics.add(beats, 0, 1), beatEveryMs)
  timer.unref()
  return { thread, timer }
}
