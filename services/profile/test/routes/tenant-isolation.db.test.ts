import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import * as fc from 'fast-check'
import { openProfileRoutes, type Answer, type TestRoutes } from '../open-profile-routes.ts'

let open: TestRoutes
before(async () => {
  open = await openProfileRoutes()
})
after(() => open[Symbol.asyncDispose]())

const unknownId = '0198a000-0000-7000-8000-00000000000a'

/** A tenant whose people share their addresses, names, sessions and programmes with those of every other tenant. */
async function tenantOf(people: number) {
  const tenantId = await open.tenant()
  const numbers = Array.from({ length: people }, (_, index) => index)
  const reports = await Promise.all(
    numbers.map((number) =>
      open.report(tenantId, {
        email: `participant-${number}@example.org`,
        name: `Participant ${number}`,
        sourceId: `session-${number}`,
        programme: 'Mentoring',
      }),
    ),
  )
  await open.tell(tenantId, reports)
  return { tenantId, ids: reports.map(({ activity }) => activity.subjectId) }
}

const told = ({ status, body }: Answer) => ({ status, body: { ...body, instance: null } })

test('P6: whatever a caller asks for, no row, count or existence of another tenant shows', async () => {
  const [small, large] = [await tenantOf(2), await tenantOf(7)]
  const asked = fc.record({
    tenants: fc.constantFrom([small, large] as const, [large, small] as const),
    role: fc.constantFrom('company_admin', 'programme_manager', 'participant'),
    number: fc.nat(6),
    route: fc.constantFrom('profile', 'activities', 'list', 'search'),
    query: fc.constantFrom('', '?fields=basic', '?limit=1', '?limit=200'),
  } as const)
  await fc.assert(
    fc.asyncProperty(asked, async ({ tenants: [own, other], role, number, route, query }) => {
      const subject = own.ids[0] ?? ''
      const caller = { tenantId: own.tenantId, role, ...(role === 'participant' && { subject }) }
      const foreignId = other.ids[number % other.ids.length] ?? ''
      if (route === 'profile' || route === 'activities') {
        const path = (id: string) => `/v1/profiles/${id}${route === 'activities' ? '/activities' : ''}${query}`
        const [foreign, unknown] = [await open.call(caller, path(foreignId)), await open.call(caller, path(unknownId))]
        assert.equal(foreign.status, 404)
        assert.deepEqual(told(foreign), told(unknown))
        return
      }
      const email = `participant-${number}@example.org`
      const answer =
        route === 'list'
          ? await open.call(caller, `/v1/profiles${query}`)
          : await open.call(caller, '/v1/profiles/searches', { email })
      assert.equal(answer.status, 200)
      for (const { id } of answer.body.items ?? []) assert.ok(own.ids.includes(id))
      if (route === 'search' && number >= own.ids.length) assert.deepEqual(answer.body.items, [])
      if (route === 'list' && query === '?limit=200') {
        assert.equal(answer.body.items?.length, role === 'participant' ? 1 : own.ids.length)
        assert.equal(answer.body.nextCursor, null)
      }
    }),
    { numRuns: 150 },
  )
})

test('P6: a cursor of one tenant shows nothing of it to another', async () => {
  const [own, other] = [await tenantOf(3), await tenantOf(3)]
  const staff = { role: 'company_admin' } as const
  const { body } = await open.call({ ...staff, tenantId: other.tenantId }, '/v1/profiles?limit=1&fields=basic')
  const path = `/v1/profiles?fields=basic&cursor=${String(body.nextCursor)}`
  const { body: page } = await open.call({ ...staff, tenantId: own.tenantId }, path)
  for (const { id } of page.items ?? []) assert.ok(own.ids.includes(id))
})
