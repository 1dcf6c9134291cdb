import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { request } from 'undici'
import type { BenchStack } from './bench-stack.ts'
import { end, startProgram } from './child-program.ts'
import { compareReads, tellTwin } from './compare-reads.ts'
import { gatewayChecks } from './gateway-checks.ts'
import type { BenchRow } from './measured.ts'

const people = 200
const users = 50
const readyWithinMs = 20_000

/**
 * What the gateway itself adds: two gateways in front of one bare service. Ours is as in production (tokens, permissions,
 * limits that count and refuse nobody, firewall in block mode, breaker, bulkhead, deadline, service token, log and
 * metrics), the twin passes bytes on.
 */
export async function gatewayOverhead(stack: BenchStack, note: (text: string) => void): Promise<BenchRow> {
  const { twin, tenantId } = stack
  const ids = Array.from({ length: people }, () => randomUUID())
  await tellTwin(twin.gateway, ids)
  const tokens: string[] = []
  for (let user = 0; user < users; user += 1) {
    const claims = { sub: `bench-user-${user}` }
    tokens.push(await stack.client.token({ tenantId, role: 'programme_manager', claims }))
  }
  const gateway = await startGateway(stack)
  try {
    const [query, pidsOf] = ['?fields=basic', (pid = 0) => ({ ...twin.pids, gateway: pid })]
    const row = await compareReads({
      ...{ name: 'gateway-overhead', ids, note },
      ours: { gateway: gateway.url, query, tokens, pids: pidsOf(gateway.child.pid) },
      twin: { gateway: twin.gateway, query, tokens: [], pids: pidsOf(twin.pids['gateway']) },
    })
    note('measuring single checks')
    return { ...row, costs: await gatewayChecks(note) }
  } finally {
    await end(gateway.child)
  }
}

/** Another gateway of the same system, with the settings of the first, that takes the bare service for the profiles. */
async function startGateway({ document, twin }: BenchStack) {
  const first = readFileSync(`/proc/${document.services['gateway']?.pid}/environ`, 'utf8').split('\0')
  const settings = Object.fromEntries(first.flatMap((pair) => (pair === '' ? [] : [splitAt(pair, pair.indexOf('='))])))
  const port = Number(new URL(twin.gateway).port) + 10
  const own = { PORT: String(port), GATEWAY_METRICS_PORT: String(port + 1), PROFILE_URL: twin.service }
  const child = startProgram('../../services/gateway/src/main.ts', { env: { ...settings, ...own } })
  const url = `http://127.0.0.1:${port}`
  for (const endMs = performance.now() + readyWithinMs; !(await isReady(url));) {
    if (performance.now() < endMs && child.exitCode === null) continue
    await end(child)
    throw new Error('the gateway in front of the bare service is not ready')
  }
  return { url, child }
}

const splitAt = (text: string, at: number): [string, string] => [text.slice(0, at), text.slice(at + 1)]

async function isReady(url: string): Promise<boolean> {
  await new Promise((resolve) => setTimeout(resolve, 100))
  const answer = await request(`${url}/health/readiness`).catch(() => null)
  await answer?.body.dump()
  return answer?.statusCode === 200
}
