import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { createPostgres } from '@csr/postgres/connect'
import { statement } from '@csr/postgres/statement'
import { createLogger } from '@csr/runtime/logger'
import { platformTenantId } from '@csr/contracts/services'
import { openProfileRoutes, type Answer, type Caller, type TestRoutes } from '../open-profile-routes.ts'

let open: TestRoutes
before(async () => {
  open = await openProfileRoutes()
})
after(() => open[Symbol.asyncDispose]())

async function tenantWithTwoPeople() {
  const tenantId = await open.tenant()
  const reports = await Promise.all([
    open.report(tenantId, { email: 'participant-1@example.org', name: 'Participant 1', programme: 'Mentoring' }),
    open.report(tenantId, { email: 'volunteer-1@example.org', name: 'Volunteer 1', role: 'volunteer' }),
  ])
  await open.tell(tenantId, reports)
  const [participant = '', volunteer = ''] = reports.map(({ activity }) => activity.subjectId)
  const manager: Caller = { tenantId, role: 'programme_manager' }
  return { tenantId, participant, volunteer, manager }
}

const unknownId = '0198a000-0000-7000-8000-00000000000a'
const withoutInstance = ({ status, body }: Answer) => ({ status, body: { ...body, instance: null } })

test('staff read a profile with its personal fields, or without on request', async () => {
  const { participant, manager } = await tenantWithTwoPeople()
  const whole = await open.call(manager, `/v1/profiles/${participant}`)
  assert.equal(whole.status, 200)
  const { programmes, ...fields } = whole.body
  assert.deepEqual(fields, {
    id: participant,
    name: 'Participant 1',
    email: 'participant-1@example.org',
    phone: null,
    createdAt: open.clock.now(),
    changedAt: open.clock.now(),
  })
  assert.deepEqual(
    (programmes as { name: string }[]).map(({ name }) => name),
    ['Mentoring'],
  )
  const basic = await open.call(manager, `/v1/profiles/${participant}?fields=basic`)
  assert.deepEqual(Object.keys(basic.body).toSorted(), ['changedAt', 'createdAt', 'id', 'programmes'])
})

test('activities are listed newest first with a cursor', async () => {
  const { tenantId, participant, manager } = await tenantWithTwoPeople()
  for (const day of [11, 12, 13]) {
    const told = {
      email: 'participant-1@example.org',
      sourceId: `session-${day}`,
      occurredAt: `2026-11-${day}T10:00:00.000Z`,
    }
    await open.tell(tenantId, [await open.report(tenantId, told)])
  }
  const first = await open.call(manager, `/v1/profiles/${participant}/activities?limit=3`)
  const next = await open.call(
    manager,
    `/v1/profiles/${participant}/activities?cursor=${String(first.body.nextCursor)}`,
  )
  const seen = [...(first.body.items ?? []), ...(next.body.items ?? [])] as unknown as {
    occurredAt: string
    sourceId: string
  }[]
  assert.deepEqual(
    seen.map(({ sourceId }) => sourceId),
    ['session-1', 'session-13', 'session-12', 'session-11'],
  )
  assert.equal(next.body.nextCursor, null)
  assert.deepEqual(Object.keys(seen[0] ?? {}).toSorted(), [
    'details',
    'id',
    'kind',
    'occurredAt',
    'outcome',
    'partner',
    'role',
    'sourceId',
  ])
})

test('a cursor or limit that is not ours is a problem that names it', async () => {
  const { participant, manager } = await tenantWithTwoPeople()
  const wrong = ['cursor=x', 'cursor=bnVsbA', 'limit=0', 'limit=201', 'limit=x']
  for (const query of wrong) {
    for (const path of ['/v1/profiles', `/v1/profiles/${participant}/activities`]) {
      const { status, body } = await open.call(manager, `${path}?${query}`)
      assert.deepEqual([status, body.type], [400, '/problems/parameter-invalid'], `${path}?${query}`)
    }
  }
})

test('a search finds the person with an address, and nobody else', async () => {
  const { participant, manager } = await tenantWithTwoPeople()
  const found = await open.call(manager, '/v1/profiles/searches', { email: ' Participant-1@example.org' })
  assert.deepEqual(
    found.body.items?.map(({ id }) => id),
    [participant],
  )
  const none = await open.call(manager, '/v1/profiles/searches', { email: 'participant-2@example.org' })
  assert.deepEqual([none.status, none.body], [200, { items: [] }])
  for (const body of [{}, { email: '   ' }, { email: 'participant-1@example.org', tenantId: unknownId }]) {
    assert.equal((await open.call(manager, '/v1/profiles/searches', body)).status, 422)
  }
})

test('a participant sees their own record, and everybody else like somebody who does not exist', async () => {
  const { tenantId, participant, volunteer } = await tenantWithTwoPeople()
  const own: Caller = { tenantId, role: 'participant', subject: participant }
  assert.equal((await open.call(own, `/v1/profiles/${participant}`)).body.name, 'Participant 1')
  assert.equal((await open.call(own, `/v1/profiles/${participant}/activities`)).body.items?.length, 1)
  assert.deepEqual(
    (await open.call(own, '/v1/profiles')).body.items?.map(({ id }) => id),
    [participant],
  )
  for (const path of ['', '/activities']) {
    const [other, unknown] = [
      await open.call(own, `/v1/profiles/${volunteer}${path}`),
      await open.call(own, `/v1/profiles/${unknownId}${path}`),
    ]
    assert.equal(other.status, 404)
    assert.deepEqual(withoutInstance(other), withoutInstance(unknown))
  }
  const search = { email: 'volunteer-1@example.org' }
  assert.deepEqual((await open.call(own, '/v1/profiles/searches', search)).body.items, [])
  const unbound: Caller = { tenantId, role: 'participant' }
  assert.deepEqual((await open.call(unbound, '/v1/profiles')).body.items, [])
})

test('roles without the permission are refused on every route', async () => {
  const { tenantId, participant } = await tenantWithTwoPeople()
  const paths = ['/v1/profiles', `/v1/profiles/${participant}`, `/v1/profiles/${participant}/activities`]
  for (const role of ['auditor', 'platform_admin'] as const) {
    for (const path of paths) assert.equal((await open.call({ tenantId, role }, path)).status, 403)
    const search = { email: 'participant-1@example.org' }
    assert.equal((await open.call({ tenantId, role }, '/v1/profiles/searches', search)).status, 403)
  }
})

test('P7: the first reading of a person is announced before it is answered, later ones are counted', async () => {
  const { tenantId, participant, volunteer, manager } = await tenantWithTwoPeople()
  const path = `/v1/profiles/${participant}`
  await Promise.all([open.call(manager, path), open.call(manager, path), open.call(manager, path)])
  const quarter = '2026-11-20T10:00:00.000Z'
  const actorId = 'account-programme_manager'
  const first = { subjectId: participant, actorId, quarter, count: 1 }
  assert.deepEqual(await open.readingsOf(tenantId), [first])
  await open.readings.announce()
  assert.deepEqual(await open.readingsOf(tenantId), [first, { ...first, count: 2 }])
  await open.readings.announce()
  assert.equal((await open.readingsOf(tenantId)).length, 2)

  await open.call({ tenantId, role: 'company_admin' }, path)
  await open.call(manager, '/v1/profiles/searches', { email: 'volunteer-1@example.org' })
  const others = (await open.readingsOf(tenantId)).slice(2)
  assert.deepEqual(
    others.map((reading) => [reading.actorId, reading.subjectId]),
    [
      ['account-company_admin', participant],
      [actorId, volunteer],
    ],
  )
})

test('P7: a list of personal fields is a reading of everybody on it, and a new quarter starts anew', async () => {
  const { tenantId, manager } = await tenantWithTwoPeople()
  await open.call(manager, '/v1/profiles')
  assert.equal((await open.readingsOf(tenantId)).length, 2)
  open.clock.advanceMs(900_000)
  await open.call(manager, '/v1/profiles')
  assert.equal((await open.readingsOf(tenantId)).length, 4)
})

test('nothing is announced where no personal field is shown', async () => {
  const { tenantId, participant, manager } = await tenantWithTwoPeople()
  await open.call(manager, `/v1/profiles/${participant}?fields=basic`)
  await open.call(manager, '/v1/profiles?fields=basic')
  await open.call(manager, `/v1/profiles/${unknownId}`)
  await open.call(manager, `/v1/profiles/${participant}/activities`)
  assert.deepEqual(await open.readingsOf(tenantId), [])
})

test('P8: personal fields are not shown while their reading cannot be recorded', async () => {
  const { participant, manager } = await tenantWithTwoPeople()
  const logger = createLogger({ service: 'profile', destination: { write: () => {} } })
  await using owner = createPostgres({ name: 'owner', url: open.database.url('csr_owner'), logger })
  await owner.start?.()
  await owner.group(platformTenantId, [statement('revoke insert on profile.outbox from csr_profile')])
  try {
    const refused = await open.call(manager, `/v1/profiles/${participant}`)
    assert.ok(refused.status >= 500)
    assert.ok(!JSON.stringify(refused.body).includes('Participant 1'))
    assert.equal((await open.call(manager, `/v1/profiles/${participant}?fields=basic`)).status, 200)
  } finally {
    await owner.group(platformTenantId, [statement('grant insert on profile.outbox to csr_profile')])
  }
  assert.equal((await open.call(manager, `/v1/profiles/${participant}`)).status, 200)
})
