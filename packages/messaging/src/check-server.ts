/** Something a server has to be so that nothing is lost; `ok` is null where it cannot be found out. */
export type ServerCheck = { readonly check: string; readonly ok: boolean | null; readonly detail: string }

/** The oldest version with everything that is relied on: batches, marks in metadata, durables that follow their stream. */
const versionLeast = [2, 14] as const
const answerWithinMs = 3_000

/**
 * Checks the version of the server and that it syncs every write before it acknowledges it. The second is told by the
 * monitor port alone, which a server need not have.
 */
export async function checkServer(server: {
  /** as it says when it is connected to */
  readonly version: string | undefined
  readonly monitorUrl: string | null
}): Promise<ServerCheck[]> {
  return [checkVersion(server.version), await checkSync(server.monitorUrl)]
}

function checkVersion(version: string | undefined): ServerCheck {
  const check = 'server version'
  const [major = NaN, minor = NaN] = (version ?? '').split('.').map(Number)
  if (Number.isNaN(minor)) return { check, ok: null, detail: 'the server does not say' }
  const [leastMajor, leastMinor] = versionLeast
  const ok = major > leastMajor || (major === leastMajor && minor >= leastMinor)
  return { check, ok, detail: ok ? `${version}` : `${version}; at least ${versionLeast.join('.')} is needed` }
}

async function checkSync(monitorUrl: string | null): Promise<ServerCheck> {
  const check = 'sync_interval: always'
  if (monitorUrl === null) return { check, ok: null, detail: 'cannot be checked: the server has no monitor port' }
  try {
    const answer = await fetch(`${monitorUrl}/jsz`, { signal: AbortSignal.timeout(answerWithinMs) })
    const { config } = (await answer.json()) as { config?: { sync_always?: boolean } }
    const ok = config?.sync_always === true
    return {
      check,
      ok,
      detail: ok ? 'every write is on disk before it is acknowledged' : 'writes are acknowledged first',
    }
  } catch {
    return { check, ok: null, detail: `cannot be checked: ${monitorUrl} does not answer` }
  }
}
