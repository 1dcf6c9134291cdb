import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  createRefusalTally,
  singlesPerMinute,
  type RefusedRequest,
  type RefusedSignIn,
} from '../../src/domain/refusals.ts'

const refused = (changes: Partial<RefusedRequest> = {}): RefusedRequest => ({
  kind: 'request',
  tenantId: 'tenant-1',
  requestId: 'request-1',
  code: 'token-invalid',
  method: 'GET',
  route: '/v1/me',
  actorId: null,
  client: 'client-1',
  rules: [],
  ...changes,
})

test('P7: ten refusals of a client within a minute are recorded one by one, all further ones are counted', () => {
  const tally = createRefusalTally()
  const singles = Array.from({ length: 25 }, () => tally.isSingle(refused(), 1_000)).filter(Boolean)
  assert.equal(singles.length, singlesPerMinute)
  assert.deepEqual(tally.take(), [{ refused: refused(), count: 15 }])
  assert.deepEqual(tally.take(), [])
})

const signIn: RefusedSignIn = {
  ...{ kind: 'sign-in', tenantId: 'platform', requestId: 'request-1', code: 'state-unknown' },
  ...{ client: 'client-1', provider: 'google' },
}

test('P7: ten failed sign-ins of a client within a minute are recorded one by one, all further ones are counted', () => {
  const tally = createRefusalTally()
  for (let index = 0; index < 25; index += 1) tally.isSingle(refused(), 1_000)
  const singles = Array.from({ length: 500 }, (_, index) =>
    tally.isSingle({ ...signIn, requestId: `request-${index}` }, 1_000),
  ).filter(Boolean)
  assert.equal(singles.length, singlesPerMinute, 'beside the ten of other refusals')
  const counted = tally.take().filter(({ refused: { kind } }) => kind === 'sign-in')
  assert.deepEqual(counted, [{ refused: { ...signIn, requestId: 'request-499' }, count: 490 }])
})

test('each client has its own ten, and again in the next minute', () => {
  const tally = createRefusalTally()
  for (let index = 0; index < singlesPerMinute; index += 1) assert.ok(tally.isSingle(refused(), 1_000))
  assert.ok(!tally.isSingle(refused(), 59_000))
  assert.ok(tally.isSingle(refused({ client: 'client-2' }), 59_000))
  assert.ok(tally.isSingle(refused(), 60_000))
})

test('counts tell tenants, routes and actors apart', () => {
  const tally = createRefusalTally()
  const kinds = [
    refused(),
    refused({ tenantId: 'tenant-2' }),
    refused({ route: '/v1/profiles/:id' }),
    refused({ actorId: 'a' }),
  ]
  for (const kind of kinds) tally.count(kind)
  for (const kind of kinds) tally.count(kind)
  assert.deepEqual(
    tally.take().map(({ count }) => count),
    [2, 2, 2, 2],
  )
})

test('a flood of clients is counted in bounded memory, and none of it is lost', () => {
  const tally = createRefusalTally()
  let singles = 0
  for (let index = 0; index < 50_000; index += 1) {
    if (tally.isSingle(refused({ client: `client-${index}` }), 1_000)) singles += 1
  }
  const counted = tally.take()
  assert.ok(counted.length <= 10_001, String(counted.length))
  assert.equal(singles + counted.reduce((sum, { count }) => sum + count, 0), 50_000)
})
