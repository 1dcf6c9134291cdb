import { setTimeout as delay } from 'node:timers/promises'

/** What a service said when asked whether it is ready. */
export type Probe =
  | { readonly state: 'ready' }
  | { readonly state: 'not-ready'; readonly missing: readonly string[] }
  | { readonly state: 'silent' }

/** Asks a service's readiness route once. */
export async function probe(url: string, withinMs = 2_000): Promise<Probe> {
  try {
    const answer = await fetch(`${url}/health/readiness`, { signal: AbortSignal.timeout(withinMs) })
    const body: unknown = await answer.json().catch(() => null)
    if (answer.status === 200) return { state: 'ready' }
    return { state: 'not-ready', missing: missingOf(body, answer.status) }
  } catch {
    return { state: 'silent' }
  }
}

function missingOf(body: unknown, status: number): string[] {
  const missing = typeof body === 'object' && body !== null && 'missing' in body ? body.missing : null
  return Array.isArray(missing) ? missing.map(String) : [`status ${status}`]
}

/** A probe in a few words, for a person. */
export function describeProbe(result: Probe): string {
  if (result.state === 'ready') return 'ready'
  if (result.state === 'silent') return 'does not answer'
  return `not ready: ${result.missing.join(', ')}`
}

/**
 * Waits until all of them are ready. Returns what the others said when `withinMs` have passed or `signal` was given:
 * empty means that all are ready.
 */
export async function untilReady(
  urls: ReadonlyMap<string, string>,
  options: { withinMs: number; signal: AbortSignal },
): Promise<ReadonlyMap<string, Probe>> {
  const endsAt = Date.now() + options.withinMs
  let waiting = new Map(urls)
  const last = new Map<string, Probe>()
  while (waiting.size > 0) {
    const results = await Promise.all([...waiting].map(async ([name, url]) => [name, url, await probe(url)] as const))
    waiting = new Map()
    for (const [name, url, result] of results) {
      if (result.state === 'ready') last.delete(name)
      else {
        waiting.set(name, url)
        last.set(name, result)
      }
    }
    if (waiting.size === 0 || options.signal.aborted || Date.now() >= endsAt) break
    await delay(pollMs, undefined, { signal: options.signal }).catch(() => {})
  }
  return last
}

const pollMs = 100

/** Watches services that run and reports each change once; nothing is done about one that does not answer. */
export async function watchReadiness(
  urls: ReadonlyMap<string, string>,
  options: { everyMs: number; signal: AbortSignal; changed(name: string, now: Probe): void },
): Promise<void> {
  const last = new Map([...urls.keys()].map((name) => [name, 'ready']))
  while (!options.signal.aborted) {
    await delay(options.everyMs, undefined, { signal: options.signal }).catch(() => {})
    if (options.signal.aborted) return
    await Promise.all(
      [...urls].map(async ([name, url]) => {
        const now = await probe(url)
        const words = describeProbe(now)
        if (last.get(name) === words || options.signal.aborted) return
        last.set(name, words)
        options.changed(name, now)
      }),
    )
  }
}
