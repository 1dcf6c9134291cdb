import type { Clock } from '@csr/runtime/clock'

/** A document of a provider, kept for a while. */
export interface Remembered<Value> {
  /** the value in hand, or loaded; throws what the load threw */
  get(): Promise<Value>
  /** loads again, unless that was done within the cool-down: then what is in hand */
  reload(): Promise<Value>
}

type Options<Value> = {
  readonly load: () => Promise<Value>
  readonly clock: Clock
  /** after this it is loaded again in the background */
  readonly freshMs: number
  /** after this it is not used any more */
  readonly keptMs: number
  /** after a failure, and between two calls of `reload`, nobody is asked again */
  readonly coolDownMs: number
}

/** Loads are never doubled: whoever asks while one is under way waits for it. */
export function createRemembered<Value>(options: Options<Value>): Remembered<Value> {
  const { load, clock, freshMs, keptMs, coolDownMs } = options
  let held: { readonly value: Value; readonly atMs: number } | null = null
  let failed: { readonly error: unknown; readonly atMs: number } | null = null
  let reloadedAtMs = Number.NEGATIVE_INFINITY
  let loading: Promise<Value> | null = null

  const ageMs = (atMs: number): number => Math.abs(clock.nowMs() - atMs)

  function start(): Promise<Value> {
    loading ??= load()
      .then((value) => {
        held = { value, atMs: clock.nowMs() }
        failed = null
        return value
      })
      .catch((error: unknown) => {
        failed = { error, atMs: clock.nowMs() }
        throw error
      })
      .finally(() => (loading = null))
    return loading
  }

  async function refresh(): Promise<Value> {
    if (failed && ageMs(failed.atMs) < coolDownMs) throw failed.error
    return await start()
  }

  return {
    async get() {
      if (held === null || ageMs(held.atMs) >= keptMs) return await refresh()
      if (ageMs(held.atMs) >= freshMs) void refresh().catch(() => undefined)
      return held.value
    },
    async reload() {
      if (loading !== null) return await loading
      if (held !== null && ageMs(reloadedAtMs) < coolDownMs) return held.value
      reloadedAtMs = clock.nowMs()
      return await refresh()
    },
  }
}
