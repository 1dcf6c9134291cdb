import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import type { Operation } from '@csr/contracts/http/operation'
import { platformTenantId } from '@csr/contracts/services'
import { bindDemoParticipants, demoUsers, makeDemoStaff, type DemoPlace } from '../src/demo-users.ts'
import type { AnswerOf, GatewayClient, Input } from '../src/gateway-client.ts'

let folder: string
let place: DemoPlace

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'csr-users-'))
  const stateFile = join(folder, 'demo.json')
  writeFileSync(stateFile, '{"tenantId":"tenant","endpoints":{"kintell":{"secret":"kept"}}}')
  place = { stateFile, tenantId: 'tenant', gatewayUrl: 'http://gateway', providersUrl: 'http://127.0.0.1:3008' }
})
afterEach(() => rmSync(folder, { recursive: true }))

test('every role is there at both providers, and nobody twice', () => {
  const roles = ['platform_admin', 'company_admin', 'programme_manager', 'auditor', 'participant']
  for (const name of ['google', 'azure']) {
    assert.deepEqual(
      demoUsers.filter(({ provider }) => provider === name).map(({ role }) => role),
      roles,
    )
  }
  assert.equal(new Set(demoUsers.map(({ email }) => email)).size, demoUsers.length)
})

test('staff get their role once, operators on the platform, and what else is remembered stays', async () => {
  const gateway = fakeGateway()
  await makeDemoStaff(gateway, place)
  assert.deepEqual(gateway.members.map(([tenant, role]) => [tenant === platformTenantId, role]).slice(0, 2), [
    ...[[true, 'platform_admin']],
    ...[[false, 'company_admin']],
  ])
  assert.equal(gateway.members.length, 8)
  const calls = gateway.calls()
  await makeDemoStaff(gateway, place)
  assert.equal(gateway.calls(), calls)
  assert.match(readFileSync(place.stateFile, 'utf8'), /"secret": "kept"/)
})

test('a start that is cut off after any call carries on where it was', async () => {
  for (let calls = 1; calls <= 10; calls += 1) {
    const gateway = fakeGateway()
    gateway.failAfter(calls)
    await makeDemoStaff(gateway, place).catch(() => undefined)
    gateway.failAfter(Infinity)
    await makeDemoStaff(gateway, place)
    assert.equal(new Set(gateway.members.map((member) => member[2])).size, 8, `cut off after call ${calls}`)
    writeFileSync(place.stateFile, '{}')
  }
})

test('other ports are other issuers: everybody gets their role there too', async () => {
  const gateway = fakeGateway()
  await makeDemoStaff(gateway, place)
  await makeDemoStaff(gateway, { ...place, providersUrl: 'http://127.0.0.1:4008' })
  assert.equal(new Set(gateway.members.map((member) => member[2])).size, 16)
})

test('participants without a record are passed over', async () => {
  const gateway = fakeGateway()
  await bindDemoParticipants(gateway, place)
  await bindDemoParticipants(gateway, place)
  assert.deepEqual(gateway.members, [])
})

/** A gateway that notes who became a member, and loses the answer of the call at which it is told to fail. */
function fakeGateway() {
  const members: [tenant: string, role: string, account: string][] = []
  let left = Infinity
  let calls = 0
  const spend = (): void => {
    calls += 1
    left -= 1
    if (left <= 0) throw new Error('cut off')
  }
  const client: GatewayClient = {
    async call<Declared extends Operation>(operation: Declared, { params, body }: Input) {
      if (operation.path.endsWith('/members')) {
        const { role, issuer, subject } = body as { role: string; issuer: string; subject: string }
        members.push([params?.['id'] ?? '', role, `${issuer} ${subject}`])
      }
      spend()
      return { items: [], accountId: 'account' } as unknown as AnswerOf<Declared>
    },
    async token() {
      spend()
      return 'token'
    },
  }
  return { ...client, members, calls: () => calls, failAfter: (count: number) => void (left = count) }
}
