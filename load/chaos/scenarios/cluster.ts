import { services } from '@csr/contracts/services'
import type { StackMember } from '@csr/testkit/stack'
import { kill } from '../faults/kill.ts'
import { partition } from '../faults/partition.ts'
import { pause } from '../faults/pause.ts'
import type { Fault, Hold } from '../fault.ts'
import type { Rig, Scenario } from '../scenario.ts'

/** Without an operator the system works again within this time after the leader of a stream was killed. */
const serviceWithinSeconds = 15
const eventsPerSecond = 300

/** Three nodes that hold every stream three times, and two replicas of every service: what production is made of. */
export const cluster: Scenario = {
  name: 'cluster',
  description: 'three NATS nodes, two replicas of all: leaders killed, a node paused, a replica paused and one cut off',
  perSecond: 45,
  events: 3_000,
  stack: { replicas: 2, natsNodes: 3 },
  async run(rig) {
    await rig.load.accepts(300, 120_000)
    for (const stream of ['INGEST', 'PROFILE']) {
      const leader = await leaderOf(rig, stream)
      const rate = eventRate(rig)
      await within(rig, { ...kill(leader), name: `kill ${leader}, which leads ${stream}` })
      const { events, seconds } = await (await rate)()
      const perSecond = events / seconds
      rig.require(
        `${eventsPerSecond} events a second meanwhile`,
        perSecond >= eventsPerSecond,
        `${events} in ${seconds.toFixed(1)} s`,
      )
      await rig.load.accepts(300, 120_000)
    }
    const paused = await leaderOf(rig, 'SAFETY')
    await rig.suffer({ ...pause(paused), name: `pause ${paused}, which leads SAFETY` }, { forMs: 20_000 })
    await rig.load.accepts(100, 120_000)
    await rig.suffer(pause('profile-2'), { forMs: 25_000 })
    await rig.suffer(kill('ingest-2'))
    await rig.load.accepts(100, 120_000)
    await rig.suffer(partition('profile'), { forMs: 25_000 })
  },
}

/** A fault after which the system has to work again in time, with every process back and a whole effect. */
async function within(rig: Rig, fault: Fault, hold?: Hold): Promise<void> {
  const startedMs = performance.now()
  await rig.suffer(fault, hold)
  const seconds = (performance.now() - startedMs) / 1_000
  const what = `${fault.name}: service without an operator within ${serviceWithinSeconds} s`
  rig.require(what, seconds < serviceWithinSeconds, `${seconds.toFixed(1)} s`)
}

/** The node that leads a stream, as the first node knows it. */
async function leaderOf({ stack }: Rig, stream: string): Promise<StackMember> {
  const { nodes } = stack.document.nats
  const answer = await fetch(`${nodes[0]?.monitorUrl}/jsz?streams=1`)
  const { account_details: accounts = [] } = (await answer.json()) as {
    account_details?: { stream_detail: { name: string; cluster?: { leader?: string } }[] }[]
  }
  const found = accounts.flatMap((account) => account.stream_detail).find(({ name }) => name === stream)
  const number = Number(found?.cluster?.leader?.split('-').at(-1))
  const leader = nodes[number - 1]
  if (leader === undefined) throw new Error(`${stream} has no leader`)
  return leader.name as StackMember
}

/** Counts the events that all services commit from now on; the rate is theirs, whatever the bus does meanwhile. */
async function eventRate({ stack }: Rig): Promise<() => Promise<{ events: number; seconds: number }>> {
  const union = services.map((service) => `select count(*) as rows from ${service}.outbox`).join(' union all ')
  const count = async (): Promise<number> => {
    const [row] = await stack.ask((sql) =>
      sql.unsafe<{ rows: number }[]>(`select sum(rows)::int as rows from (${union}) all_of_them`),
    )
    return row?.rows ?? 0
  }
  const startedMs = performance.now()
  const before = await count()
  return async () => ({ events: (await count()) - before, seconds: (performance.now() - startedMs) / 1_000 })
}
