import { listProfiles } from '@csr/contracts/http/profile'
import type { BenchStack } from './bench-stack.ts'
import { compareReads, tellTwin } from './compare-reads.ts'
import { runLoad } from './http-load.ts'
import { expectOnly, type BenchRow } from './measured.ts'
import { prepareSessions } from './webhook-requests.ts'

const peopleAtLeast = 100
const visibleWithinMs = 20_000

/** A profile without personal fields, through both gateways: token, permission and tenancy against a bare select by key. */
export async function profileRead(stack: BenchStack, note: (text: string) => void): Promise<BenchRow> {
  const { client, document, twin } = stack
  const token = await client.token({ tenantId: stack.tenantId, role: 'programme_manager' })
  const ids = await findPeople(stack, token)
  await tellTwin(twin.gateway, ids)
  return await compareReads({
    ...{ name: 'profile-read', ids, note },
    ours: { gateway: document.gateway, query: '?fields=basic', tokens: [token], pids: stack.pids },
    twin: { gateway: twin.gateway, query: '', tokens: [], pids: twin.pids },
  })
}

/** Ids of people there are; where this row runs alone it brings them. */
async function findPeople({ client, kintell }: BenchStack, token: string): Promise<string[]> {
  const list = async () => (await client.call(listProfiles, { token, query: { limit: 200 } })).items.map(({ id }) => id)
  let ids = await list()
  if (ids.length >= peopleAtLeast) return ids
  const requests = prepareSessions(kintell, peopleAtLeast, `people-${Date.now()}`).values()
  const next = () => requests.next().value ?? null
  expectOnly(202, 'people', await runLoad({ url: kintell.url, connections: 8, seconds: 10, next }))
  for (const endMs = performance.now() + visibleWithinMs; ids.length < peopleAtLeast; ids = await list()) {
    if (performance.now() > endMs) throw new Error(`only ${ids.length} of ${peopleAtLeast} people became visible`)
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  return ids
}
