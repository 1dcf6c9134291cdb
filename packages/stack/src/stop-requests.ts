import type { Progress } from './progress.ts'
import type { Stack } from './stack.ts'
import type { StackDocument } from './stack-document.ts'

/** Signals this soon after the first are the same request: npm hands on what the terminal has sent already. */
const oneRequestMs = 5_000
/** Longest way from the request to the end. */
const goneWithinMs = 20_000

/**
 * Starts a stack and resolves when it has stopped: by SIGINT, SIGTERM or SIGHUP, or because whoever started this process
 * over an IPC channel is gone. A request more than 5 s after the first forces. A start that fails is stopped again, and
 * its error thrown.
 */
export async function untilStopped(
  stack: Stack,
  told: { progress: Progress; ready: (document: StackDocument) => void },
): Promise<void> {
  const requested = Promise.withResolvers<void>()
  listen(stack, told.progress, requested.resolve)
  const started = stack.start()
  let failed: { error: unknown } | null = null
  const outcome = await Promise.race([
    started.then(
      (document) => ({ document }),
      (error: unknown) => ({ error }),
    ),
    requested.promise,
  ])
  if (outcome !== undefined && 'error' in outcome) failed = outcome
  if (outcome !== undefined && 'document' in outcome) {
    told.ready(outcome.document)
    await requested.promise
  }
  await stop(stack, told.progress)
  // Whoever started this process over a channel waits for its end; the channel alone would keep it.
  process.channel?.unref()
  if (failed !== null) throw failed.error
  // What a start that was interrupted still has under way must not keep this process.
  process.exit(0)
}

function listen(stack: Stack, progress: Progress, request: () => void): void {
  let firstMs: number | null = null
  const asked = (): void => {
    firstMs ??= performance.now()
    request()
    if (performance.now() - firstMs <= oneRequestMs) return
    progress.warn('stopping at once')
    void stack.force().finally(() => process.exit(1))
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, asked)
  if (process.connected) process.on('disconnect', asked)
  // A terminal that went away must not end this process before it has ended the others.
  for (const output of [process.stdout, process.stderr]) output.on('error', () => {})
}

async function stop(stack: Stack, progress: Progress): Promise<void> {
  const step = stack.isIdle ? null : progress.step('stopping')
  const late = setTimeout(() => process.exit(1), goneWithinMs)
  await stack.stop()
  clearTimeout(late)
  step?.done()
}
