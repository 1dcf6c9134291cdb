import { listProfiles } from '@csr/contracts/http/profile'
import { request } from 'undici'
import type { BenchStack } from './bench-stack.ts'
import { runLoad } from './http-load.ts'
import { expectOnly, measured, median, perSecond, processorNote, type BenchRow, type Measured } from './measured.ts'

const connections = 64
const warmUpSeconds = 3
const seconds = 10
const rounds = 3
const ratioGoal = 0.5

/** A profile without personal fields, through both gateways: token, permission and tenancy against a bare select by key. */
export async function profileRead(stack: BenchStack, note: (text: string) => void): Promise<BenchRow> {
  const token = await stack.client.token({ tenantId: stack.tenantId, role: 'programme_manager' })
  const { items } = await stack.client.call(listProfiles, { token, query: { limit: 200 } })
  const ids = items.map(({ id }) => id)
  for (const id of ids)
    await request(`${stack.twin.gateway}/v1/profiles/${id}`, { method: 'PUT' }).then(({ body }) => body.dump())
  const oursRuns: Measured[] = []
  const twinRuns: Measured[] = []
  for (let round = 0; round < rounds; round += 1) {
    const twin = await readMany({ gateway: stack.twin.gateway, ids, query: '', token: '', pids: stack.twin.pids })
    const ours = await readMany({
      gateway: stack.document.gateway,
      ids,
      query: '?fields=basic',
      token,
      pids: stack.pids,
    })
    twinRuns.push(twin)
    oursRuns.push(ours)
    note(`round ${round + 1}: twin ${perSecond(twin).toFixed(0)}/s, ours ${perSecond(ours).toFixed(0)}/s`)
  }
  const ratios = oursRuns.map((ours, index) => perSecond(ours) / perSecond(twinRuns[index] ?? ours))
  const ratio = median(ratios)
  const middle = oursRuns[ratios.indexOf(ratio)] as Measured
  const bare = twinRuns[ratios.indexOf(ratio)] as Measured
  return {
    name: 'profile-read',
    unit: 'requests/s',
    ours: perSecond(middle),
    bare: perSecond(bare),
    ratio,
    ...{ p50Ms: middle.p50Ms, p95Ms: middle.p95Ms, p99Ms: middle.p99Ms },
    goal: `ratio >= ${ratioGoal}`,
    met: ratio >= ratioGoal,
    notes: [processorNote('ours', middle), processorNote('twin', bare)],
  }
}

type Reading = {
  readonly gateway: string
  readonly ids: readonly string[]
  readonly query: string
  readonly token: string
  readonly pids: Readonly<Record<string, number>>
}

async function readMany({ gateway, ids, query, token, pids }: Reading) {
  const { host } = new URL(gateway)
  const authorization = token ? `authorization: Bearer ${token}\r\n` : ''
  const requests = ids.map((id) =>
    Buffer.from(`GET /v1/profiles/${id}${query} HTTP/1.1\r\nhost: ${host}\r\n${authorization}\r\n`),
  )
  let used = 0
  const next = () => requests[used++ % requests.length] ?? null
  expectOnly(200, 'profile read, warm-up', await runLoad({ url: gateway, connections, seconds: warmUpSeconds, next }))
  const result = await measured(pids, () => runLoad({ url: gateway, connections, seconds, next }))
  expectOnly(200, 'profile read', result)
  return result
}
