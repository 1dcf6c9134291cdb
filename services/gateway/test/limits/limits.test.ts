import assert from 'node:assert/strict'
import test from 'node:test'
import { ProblemError } from '@csr/http/problem'
import type { Limits, Tier } from '@csr/http/limits'
import { privateCountStore } from '@csr/testkit/count-store'
import { eventually } from '@csr/testkit/eventually'
import { fakeClock } from '@csr/testkit/fake-clock'
import { createLimits, type SharedCounts } from '../../src/limits/limits.ts'
import { openSharedCounts } from '../../src/limits/shared-counts.ts'

const policies = {
  anonymous: { limit: 100, windowMs: 60_000 },
  user: { limit: 500, windowMs: 60_000 },
  'sign-in': { limit: 10, windowMs: 60_000 },
  endpoint: { limit: 3_000, windowMs: 1_000 },
}

function open(shared: SharedCounts | null = null, replicas = 1) {
  const lost: unknown[] = []
  const limits = createLimits({
    ...{ policies, clock: fakeClock(), shared, replicas },
    refused: () => undefined,
    storeLost: (error) => void lost.push(error),
  })
  return { limits, lost }
}

async function letIn(limits: Limits, count: number, who: string, tier: Tier = 'anonymous'): Promise<number> {
  const asked = await Promise.allSettled(Array.from({ length: count }, () => limits.take(tier, who)))
  for (const answer of asked) if (answer.status === 'rejected') assert.ok(answer.reason instanceof ProblemError)
  return asked.filter(({ status }) => status === 'fulfilled').length
}

test('each tier has its own limit; answers carry the standard headers, and a refusal says when to come again', async () => {
  const { limits } = open()
  const { headers } = await limits.take('sign-in', '192.0.2.1')
  assert.deepEqual(headers, { 'ratelimit-policy': '"sign-in";q=10;w=60', ratelimit: '"sign-in";r=9;t=63' })
  assert.equal(await letIn(limits, 50, '192.0.2.1', 'sign-in'), 9)
  assert.equal(await letIn(limits, 150, '192.0.2.1'), 100)
  await assert.rejects(limits.take('sign-in', '192.0.2.1'), (error) => {
    assert.ok(error instanceof ProblemError)
    assert.equal(error.code, 'rate-limited')
    assert.ok((error.retryAfterSeconds ?? 0) > 55)
    assert.equal(error.headers?.['ratelimit'], `"sign-in";r=0;t=${error.retryAfterSeconds}`)
    return true
  })
  assert.throws(() => limits.check('sign-in', '192.0.2.1'), ProblemError)
  limits.check('sign-in', '192.0.2.2')
})

test('an IPv6 client is its /64, an IPv4 one its address', async () => {
  const { limits } = open()
  assert.equal(await letIn(limits, 60, '2001:db8:1:2::1'), 60)
  assert.equal(await letIn(limits, 60, '2001:db8:1:2:aaaa::9'), 40)
  assert.equal(await letIn(limits, 60, '2001:db8:1:3::1'), 60)
  assert.equal(await letIn(limits, 60, '::ffff:192.0.2.7'), 60)
  assert.equal(await letIn(limits, 60, '192.0.2.7'), 40)
})

test('two gateways that share a store let in one limit together; when it is lost, at most half as much again', async () => {
  await using store = await privateCountStore()
  const shared = [1, 2].map(() => openSharedCounts({ url: store.url, mark: (key) => key, answerWithinMs: 5_000 }))
  try {
    for (const counts of shared) await counts.start?.()
    const gateways = shared.map((counts) => open(counts, 2))
    const [first, second] = gateways.map(({ limits }) => limits) as [Limits, Limits]
    await eventually(async () => void (await shared[0]?.take('ready', policies.user)))
    await eventually(async () => void (await shared[1]?.take('ready', policies.user)))

    const [one, two] = await Promise.all([letIn(first, 80, '192.0.2.1'), letIn(second, 80, '192.0.2.1')])
    assert.equal(one + two, 100)
    assert.equal(await letIn(first, 100, '192.0.2.2'), 100)
    assert.equal(await letIn(second, 20, '192.0.2.2'), 0)

    await store.kill()
    await eventually(async () => {
      await second.take('user', 'somebody')
      assert.ok((gateways[1]?.lost.length ?? 0) > 0)
    })
    // the first let in all, the second none: its part is half
    assert.equal(await letIn(first, 100, '192.0.2.2'), 0)
    assert.equal(await letIn(second, 100, '192.0.2.2'), 50)
    assert.equal((await letIn(first, 100, '192.0.2.5')) + (await letIn(second, 100, '192.0.2.5')), 100)

    await store.start()
    for (const counts of shared) await eventually(async () => void (await counts.take('back', policies.user)))
    assert.equal(await letIn(second, 100, '192.0.2.2'), 0, 'a store that is back and empty opens nothing')
    const after = (await letIn(first, 100, '192.0.2.6')) + (await letIn(second, 100, '192.0.2.6'))
    assert.ok(after >= 50 && after <= 100, String(after))
  } finally {
    for (const counts of shared) await counts[Symbol.asyncDispose]()
  }
})
