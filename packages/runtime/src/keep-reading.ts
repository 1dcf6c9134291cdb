/** What is read again and again, so that others may rely on its being fresh. */
export interface Reading {
  /** reads now, or waits for the reading under way; never rejects */
  now(): Promise<void>
  stop(): Promise<void>
}

type Options = {
  read(): Promise<void>
  /** told of every reading that failed; the next one comes sooner */
  failed(error: unknown): void
  readonly everyMs: number
  readonly retryMs: number
}

/** One reading at a time; the first when `now` is called. */
export function keepReading({ read, failed, everyMs, retryMs }: Options): Reading {
  let reading: Promise<void> | null = null
  let timer: NodeJS.Timeout | undefined
  let stopped = false

  async function once(): Promise<void> {
    let nextMs = everyMs
    try {
      await read()
    } catch (error) {
      failed(error)
      nextMs = retryMs
    }
    reading = null
    clearTimeout(timer)
    if (!stopped) timer = setTimeout(() => void now(), nextMs).unref()
  }

  function now(): Promise<void> {
    reading ??= once()
    return reading
  }

  return {
    now,
    async stop() {
      stopped = true
      clearTimeout(timer)
      await reading
    },
  }
}
