import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PostgresRefused, PostgresUnavailable } from '../src/errors.ts'
import { groupCommit } from '../src/group-commit.ts'

const tenant = '00000000-0000-7000-8000-000000000001'
const other = '00000000-0000-7000-8000-000000000002'
const refused = (): PostgresRefused => new PostgresRefused({ sqlstate: '23505', statementText: 'insert' })

/** A run whose flushes end when the test says so. */
function stepwise() {
  const flushes: { tenantId: string; items: readonly number[]; finish: () => void }[] = []
  const commits = groupCommit<number, string>({
    run: (tenantId, items) =>
      new Promise((resolve) => {
        flushes.push({ tenantId, items, finish: () => resolve(items.map((item) => `${tenantId.at(-1)}:${item}`)) })
      }),
  })
  return { commits, flushes }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(() => setImmediate(resolve)))

test('what arrives in one turn shares a commit, and each item gets its own result in order', async () => {
  const sizes: number[] = []
  const commits = groupCommit<number, number>({
    run: async (_, items) => (sizes.push(items.length), items.map((item) => item * 2)),
  })
  const results = await Promise.all([1, 2, 3].map((item) => commits.submit(tenant, item)))
  assert.deepEqual(results, [2, 4, 6])
  assert.deepEqual(sizes, [3])
})

test('items that come during a flush wait for the next one, first come, first served, 100 at a time', async () => {
  const { commits, flushes } = stepwise()
  const first = commits.submit(tenant, 0)
  await turn()
  const rest = Array.from({ length: 250 }, (_, index) => commits.submit(tenant, index + 1))
  await turn()
  assert.equal(flushes.length, 1)
  for (let flush = 0; flush < 4; flush += 1) {
    flushes[flush]?.finish()
    await turn()
  }
  assert.equal(await first, '1:0')
  assert.deepEqual(
    flushes.map(({ items }) => items.length),
    [1, 100, 100, 50],
  )
  assert.deepEqual(
    flushes.flatMap(({ items }) => items),
    Array.from({ length: 251 }, (_, index) => index),
  )
  assert.equal((await Promise.all(rest)).length, 250)
})

test('a tenant with a long queue does not hold up another', async () => {
  const { commits, flushes } = stepwise()
  void commits.submit(tenant, 0)
  await turn()
  for (let item = 1; item <= 500; item += 1) void commits.submit(tenant, item)
  const answer = commits.submit(other, 7)
  await turn()
  const flush = flushes.find(({ tenantId }) => tenantId === other)
  assert.deepEqual(flush?.items, [7])
  flush?.finish()
  assert.equal(await answer, '2:7')
})

test('with a pace the first goes at once, and what comes within it shares the next commit', async () => {
  const paceMs = 60
  const flushes: { readonly items: readonly number[]; readonly atMs: number }[] = []
  const commits = groupCommit<number, number>({
    paceMs,
    run: async (_, items) => (flushes.push({ items, atMs: performance.now() }), items),
  })
  const startedMs = performance.now()
  await commits.submit(tenant, 1)
  assert.ok(performance.now() - startedMs < paceMs)
  const second = commits.submit(tenant, 2)
  await turn()
  await Promise.all([second, commits.submit(tenant, 3)])
  assert.deepEqual(
    flushes.map(({ items }) => items),
    [[1], [2, 3]],
  )
  const [first, next] = flushes.map(({ atMs }) => atMs)
  assert.ok((next ?? 0) - (first ?? 0) >= paceMs - 2)
})

test('where enough wait already, or as many as fit, nobody waits for the pace', async () => {
  const paceMs = 250
  for (const { sizeMax, items, expected } of [
    { sizeMax: 2, items: 4, expected: [2, 2] },
    { sizeMax: 100, items: 116, expected: [100, 16] },
  ]) {
    const sizes: number[] = []
    const startedMs = performance.now()
    const commits = groupCommit<number, number>({
      paceMs,
      sizeMax,
      run: async (_, group) => (sizes.push(group.length), group),
    })
    await Promise.all(Array.from({ length: items }, (_, item) => commits.submit(tenant, item)))
    assert.deepEqual(sizes, expected)
    assert.ok(performance.now() - startedMs < paceMs)
  }
})

test('one bad item of 100 fails alone', async () => {
  const runs: number[] = []
  const commits = groupCommit<number, number>({
    run: async (_, items) => {
      runs.push(items.length)
      if (items.includes(42)) throw refused()
      return items
    },
  })
  const results = await Promise.allSettled(Array.from({ length: 100 }, (_, item) => commits.submit(tenant, item)))
  assert.deepEqual(
    results.map((result, item) => (result.status === 'fulfilled' ? result.value : `refused ${item}`)),
    Array.from({ length: 100 }, (_, item) => (item === 42 ? 'refused 42' : item)),
  )
  assert.deepEqual(runs, [100, ...Array.from({ length: 100 }, () => 1)])
})

test('an outage fails all of the batch and is not repeated', async () => {
  let runs = 0
  const commits = groupCommit<number, number>({
    run: async () => {
      runs += 1
      throw new PostgresUnavailable('connection', 'unknown')
    },
  })
  const results = await Promise.allSettled([1, 2, 3].map((item) => commits.submit(tenant, item)))
  assert.ok(results.every((result) => result.status === 'rejected' && result.reason instanceof PostgresUnavailable))
  assert.equal(runs, 1)
})

test('an outage during the repetition keeps what was committed and promises that the rest was not tried', async () => {
  const commits = groupCommit<number, number>({
    run: async (_, items) => {
      if (items.length > 1) throw refused()
      if (items[0] === 2) throw new PostgresUnavailable('connection', 'unknown')
      return items
    },
  })
  const [first, second, third] = await Promise.allSettled([1, 2, 3].map((item) => commits.submit(tenant, item)))
  assert.deepEqual(first, { status: 'fulfilled', value: 1 })
  assert.equal(second?.status === 'rejected' && second.reason.committed, 'unknown')
  assert.equal(third?.status === 'rejected' && third.reason.committed, 'no')
})

test('an answer for too few items fails them all instead of leaving one waiting', async () => {
  const commits = groupCommit<number, number>({ run: async (_, items) => items.slice(1) })
  const results = await Promise.allSettled([1, 2].map((item) => commits.submit(tenant, item)))
  assert.deepEqual(
    results.map(({ status }) => status),
    ['rejected', 'rejected'],
  )
})

test('after a failure the tenant goes on', async () => {
  let fails = true
  const commits = groupCommit<number, number>({
    run: async (_, items) => {
      if (fails) throw new PostgresUnavailable('wait', 'no')
      return items
    },
  })
  await assert.rejects(commits.submit(tenant, 1), PostgresUnavailable)
  fails = false
  assert.equal(await commits.submit(tenant, 2), 2)
})
