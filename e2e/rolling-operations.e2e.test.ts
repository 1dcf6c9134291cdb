import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { services, type Service } from '@csr/contracts/services'
import { kintellSessionCompleted } from '@csr/testkit/builders'
import { eventually } from '@csr/testkit/eventually'
import postgres from 'postgres'
import { newCompany, type Company } from './company.ts'
import { openServicesAlone, type ServicesAlone } from './services-alone.ts'

let alone: ServicesAlone
before(async () => {
  alone = await openServicesAlone()
})
after(() => alone?.[Symbol.asyncDispose]())

type Member = Service | 'postgres' | 'nats'

/** The same order for the same seed. */
function shuffled<Item>(items: readonly Item[], seed: number): Item[] {
  let state = seed
  const next = (): number => (state = (state * 1_103_515_245 + 12_345) % 2_147_483_648) / 2_147_483_648
  return items
    .map((item) => ({ item, at: next() }))
    .toSorted((one, other) => one.at - other.at)
    .map(({ item }) => item)
}

/** Starts one after the other, each as soon as the one before answers at all. */
async function startInOrder(order: readonly Member[]): Promise<void> {
  for (const member of order) {
    if (member === 'postgres') await alone.database.server.process?.start()
    else if (member === 'nats') await alone.nats.start()
    else {
      alone.start(member)
      await eventually(async () => assert.notEqual(await alone.missing(member), null), {
        withinMs: 20_000,
        what: `an answer of ${member}`,
      })
    }
  }
}

async function everybodyReady(): Promise<void> {
  for (const service of services)
    await eventually(async () => assert.deepEqual(await alone.missing(service), []), {
      withinMs: 30_000,
      what: `${service} being ready`,
    })
}

async function stopInOrder(order: readonly Service[]): Promise<void> {
  for (const service of order) {
    const { code, tookMs } = await alone.stop(service)
    assert.deepEqual([service, code], [service, 0])
    assert.ok(tookMs < 10_000, `${service} took ${tookMs.toFixed(0)} ms`)
  }
}

const seed = 20_261_121
const members = shuffled<Member>([...services, 'postgres', 'nats'], seed)
const orders: readonly (readonly Member[])[] = [
  [...members.filter((member) => member !== 'postgres'), 'postgres'],
  [...shuffled(members, seed + 1).filter((member) => member !== 'nats'), 'nats'],
]

test(
  'P9: started in any order, PostgreSQL or NATS last, every service becomes ready by itself, and ends with 0',
  { timeout: 180_000 },
  async (t) => {
    for (const order of orders) {
      t.diagnostic(order.join(' '))
      await alone.database.server.process?.kill()
      await alone.nats.kill()
      await startInOrder(order)
      await everybodyReady()
      await stopInOrder(shuffled(services, seed + 2))
    }
  },
)

/** Sends a webhook under one id until it is answered 202; what is refused on the way must be a 503 or no connection. */
async function deliver(company: Company, number: number): Promise<void> {
  const participant = { email: `rolling-${number % 40}@example.org`, name: 'Synthetic Participant' }
  const body = kintellSessionCompleted({ sessionId: `rolling-${number}`, participant })
  const id = randomUUID()
  await eventually(
    async () => {
      const { status } = await company.post(body, id)
      assert.ok([202, 503, 0].includes(status), `status ${status}`)
      assert.equal(status, 202)
    },
    { withinMs: 60_000, what: 'an accepted webhook' },
  )
}

test(
  'P9: SIGTERM under load: each service ends with 0 in time, comes back, and nothing accepted is lost or doubled',
  { timeout: 180_000 },
  async (t) => {
    await alone.end()
    await startInOrder(services)
    await everybodyReady()
    const company = await newCompany(alone, 'Company A')
    let sent = 0
    let accepted = 0
    const load = { over: false }
    const worker = async (): Promise<void> => {
      while (!load.over) {
        await Promise.all([deliver(company, (sent += 1)), pause(100)])
        accepted += 1
      }
    }
    const workers = Promise.all(Array.from({ length: 6 }, worker))
    const took: string[] = []
    for (const service of shuffled(services, seed)) {
      const atFirst = accepted
      await eventually(() => assert.ok(accepted >= atFirst + 30), { withinMs: 30_000, what: '30 accepted webhooks' })
      const { code, tookMs } = await alone.stop(service)
      took.push(`${service} ${tookMs.toFixed(0)} ms`)
      assert.deepEqual([service, code], [service, 0])
      assert.ok(tookMs < 10_000, `${service} took ${tookMs.toFixed(0)} ms`)
      alone.start(service)
      await everybodyReady()
    }
    load.over = true
    await workers
    t.diagnostic(`${accepted} accepted; ${took.join(', ')}`)
    const looking = postgres(alone.database.adminUrl, { max: 1, onnotice: () => undefined })
    try {
      await eventually(
        async () => {
          const [row] = await looking`
          select count(*)::int as activities, count(distinct source_id)::int as sessions
          from profile.activities where tenant_id = ${company.tenantId}`
          assert.deepEqual({ ...row }, { activities: accepted * 2, sessions: accepted })
        },
        { withinMs: 60_000, what: 'every accepted webhook effective exactly once' },
      )
    } finally {
      await looking.end()
    }
    const operator = await alone.token({ role: 'platform_admin' })
    const { body } = await company.call('GET', '/v1/dead-letters', undefined, operator)
    assert.deepEqual(body['items'], [], 'nothing is a dead letter')
  },
)
