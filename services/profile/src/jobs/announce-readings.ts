import type { Resource } from '@csr/runtime/lifecycle'
import type { ReadingStore } from '../store/reading-store.ts'
import type { ProfileTelemetry } from '../telemetry.ts'

type Deps = { readonly readings: Pick<ReadingStore, 'announce'>; readonly telemetry: ProfileTelemetry }

const everyMs = 10_000

/** Announces counted readings every 10 s and once more at the end. What cannot be written stays counted for the next time. */
export function announceReadings({ readings, telemetry }: Deps): Resource {
  let timer: NodeJS.Timeout | undefined
  let running = Promise.resolve()
  const run = () => (running = running.then(announce))
  return {
    name: 'announce readings',
    async start() {
      timer = setInterval(() => void run(), everyMs).unref()
    },
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      await run()
    },
  }

  async function announce(): Promise<void> {
    try {
      telemetry.readingsAnnounced(await readings.announce())
    } catch (error) {
      telemetry.readingsWait(error)
    }
  }
}
