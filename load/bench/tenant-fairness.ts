import { createTenant } from '@csr/contracts/http/tenants'
import { createEndpoint } from '@csr/contracts/http/ingest'
import type { BenchStack } from './bench-stack.ts'
import { runLoad } from './http-load.ts'
import { expectOnly, perSecond, type BenchRow } from './measured.ts'
import { probeVisibleLag } from './visible-lag.ts'
import { prepareSessions, type WebhookTarget } from './webhook-requests.ts'

const rows = 100_000
const seconds = 60
const connections = 64
const probesPerSecond = 2
const p95GoalMs = 2_000

/**
 * Two tenants: A has a file of 100,000 rows queued and sends webhooks as fast as they are answered, B sends a few. From
 * sending one of B's webhooks to seeing it in the profile.
 */
export async function tenantFairness(stack: BenchStack, note: (text: string) => void): Promise<BenchRow> {
  const [a, b] = [await newTenant(stack, 'Fairness A'), await newTenant(stack, 'Fairness B')]
  const importId = await upload(stack, a.tenantId, `fair-${Date.now()}`)
  note(`${rows} rows of A are queued`)
  const requests = prepareSessions(a.kintell, 60_000, `fair-${Date.now()}`)
  let used = 0
  const flood = runLoad({ url: a.kintell.url, connections, seconds, next: () => requests[used++] ?? null })
  const [result, lags] = await Promise.all([flood, probeVisibleLag({ ...stack, ...b }, seconds, probesPerSecond)])
  expectOnly(202, 'the flood of A', result)
  const left = await leftOf(stack, a.tenantId, importId)
  if (left === 0) throw new Error('A had nothing queued at the end: B was measured on an idle system')
  const at = (share: number): number => lags[Math.floor(lags.length * share)] ?? Number.POSITIVE_INFINITY
  return {
    name: 'tenant-fairness',
    unit: 'ms',
    ours: at(0.95),
    bare: null,
    ratio: null,
    ...{ p50Ms: at(0.5), p95Ms: at(0.95), p99Ms: at(0.99) },
    goal: `webhook of B visible in the profile beside ${rows} rows and a flood of A: p95 < ${p95GoalMs} ms`,
    met: at(0.95) < p95GoalMs,
    notes: [
      `${lags.length} probes over ${seconds} s; A was answered ${perSecond(result).toFixed(0)} webhooks/s, p95 ${result.p95Ms.toFixed(0)} ms`,
      `of A's rows and webhooks ${left} were not in the profiles yet at the end`,
    ],
  }
}

async function newTenant(stack: BenchStack, name: string): Promise<{ tenantId: string; kintell: WebhookTarget }> {
  const operator = await stack.client.token({ tenantId: stack.tenantId, role: 'platform_admin' })
  const { id: tenantId } = await stack.client.call(createTenant, { token: operator, body: { name } })
  const token = await stack.client.token({ tenantId, role: 'company_admin' })
  const { webhookPath, secret } = await stack.client.call(createEndpoint, { token, body: { partner: 'kintell' } })
  return { tenantId, kintell: { url: new URL(webhookPath, stack.document.gateway).href, secret } }
}

const header =
  'session_id,participant_email,volunteer_email,scheduled_at,completed_at,duration_minutes,rating,feedback_text,language_level,topics,metadata'

async function upload(stack: BenchStack, tenantId: string, run: string): Promise<string> {
  const row = (number: number): string =>
    `${run}-${number},row-${number % 3_000}@example.org,volunteer-${number % 50}@example.org,2026-11-01T10:00:00Z,,45,0.5,I feel more confident when I speak.,B1,work,`
  const body = [header, ...Array.from({ length: rows }, (_, index) => row(index))].join('\n')
  const token = await stack.client.token({ tenantId, role: 'company_admin' })
  const answer = await fetch(new URL('/v1/imports', stack.document.gateway), {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'text/csv' },
    body,
  })
  const { id } = (await answer.json()) as { id?: string }
  if (answer.status !== 202 || id === undefined) throw new Error(`the file was answered ${answer.status}`)
  return id
}

/** Sessions of the tenant that are accepted, or stored as rows, and not recorded as activities yet. */
async function leftOf(stack: BenchStack, tenantId: string, importId: string): Promise<number> {
  const [row] = await stack.superuser.unsafe<[{ left: number }]>(
    `select (select count(*) from ingest.natural_keys where tenant_id = $1)::int
      - (select count(distinct source_id) from profile.activities where tenant_id = $1)::int
      + (select ${rows} - accepted - duplicate - quarantined from ingest.imports where id = $2)::int as left`,
    [tenantId, importId],
  )
  return row?.left ?? 0
}
