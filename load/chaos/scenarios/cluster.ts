import { setTimeout as sleep } from 'node:timers/promises'
import { services, type Service } from '@csr/contracts/services'
import { eventually } from '@csr/testkit/eventually'
import type { StackMember } from '@csr/testkit/stack'
import { kill } from '../faults/kill.ts'
import { partition } from '../faults/partition.ts'
import { pause } from '../faults/pause.ts'
import type { Rig, Scenario } from '../scenario.ts'

/** Without an operator the system works again within this time after the leader of a stream was killed. */
const serviceWithinSeconds = 15

/**
 * Three nodes that hold every stream three times, and two replicas of every service: what production is made of. Two cores
 * carry about 150 events a second of it; the same kill under 300 is `packages/messaging/test/cluster.nats.test.ts`.
 */
export const cluster: Scenario = {
  name: 'cluster',
  description: 'three NATS nodes, two replicas of all: leaders killed, a node paused, a replica paused and one cut off',
  perSecond: 50,
  events: 3_000,
  stack: { replicas: 2, natsNodes: 3 },
  async run(rig) {
    await rig.load.accepts(300, 120_000)
    for (const { stream, producer, consumer } of killed) {
      rig.note(`${await eventsPerSecond(rig)} events a second`)
      const leader = await leaderOf(rig, stream)
      let seconds = Number.POSITIVE_INFINITY
      await rig.suffer(
        { ...kill(leader), name: `kill ${leader}, which leads ${stream}` },
        { until: async () => void (seconds = await untilServed(rig, producer, consumer)) },
      )
      const what = `with the leader of ${stream} killed, service without an operator within ${serviceWithinSeconds} s`
      rig.require(what, seconds < serviceWithinSeconds, `${seconds.toFixed(1)} s`)
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

/** Streams whose leader is killed, who publishes into them, and whose effects are waited for. */
const killed = [
  { stream: 'INGEST', producer: 'ingest', consumer: 'profile' },
  { stream: 'PROFILE', producer: 'profile', consumer: 'audit' },
] as const satisfies readonly { stream: string; producer: Service; consumer: Service }[]

/** Seconds until an event that the producer commits from now on has had its effect at the consumer. */
async function untilServed({ stack }: Rig, producer: Service, consumer: Service): Promise<number> {
  const startedMs = performance.now()
  const [newest] = await stack.ask((sql) =>
    sql.unsafe<Id[]>(`select id from ${producer}.outbox order by id desc limit 1`),
  )
  const servedText = `select event_id as id from ${consumer}.inbox join ${producer}.outbox o on o.id = event_id
    where o.id > $1 limit 1`
  await eventually(
    async () => {
      const served = await stack.ask((sql) => sql.unsafe<Id[]>(servedText, [newest?.id ?? null]))
      if (served.length === 0) throw new Error('nothing has taken effect since')
    },
    { withinMs: 60_000, what: 'an effect' },
  )
  return (performance.now() - startedMs) / 1_000
}

type Id = { readonly id: string }

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

const countedSeconds = 5

/** How many events all services commit, over a few seconds. */
async function eventsPerSecond({ stack }: Rig): Promise<number> {
  const union = services.map((service) => `select count(*) as rows from ${service}.outbox`).join(' union all ')
  const count = async (): Promise<{ rows: number; ms: number }> => {
    const [row] = await stack.ask((sql) =>
      sql.unsafe<{ rows: number }[]>(`select sum(rows)::int as rows from (${union}) each`),
    )
    return { rows: row?.rows ?? 0, ms: performance.now() }
  }
  const before = await count()
  await sleep(countedSeconds * 1_000)
  const after = await count()
  return Math.round(((after.rows - before.rows) * 1_000) / (after.ms - before.ms))
}
