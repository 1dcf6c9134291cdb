import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import type { Operation } from '@csr/contracts/http/operation'
import { demoTenantName, makeDemoTenant, rememberSamples, samplesAreLoaded } from '../src/demo-tenant.ts'
import type { AnswerOf, GatewayClient, Input } from '../src/gateway-client.ts'

let folder: string
let stateFile: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'csr-demo-'))
  stateFile = join(folder, 'demo.json')
})

afterEach(() => rmSync(folder, { recursive: true }))

test('a second start makes nothing and knows the same tenant and secrets', async () => {
  const gateway = fakeGateway()
  const first = await makeDemoTenant('http://gateway', gateway, stateFile)
  const made = gateway.made.length
  assert.deepEqual(await makeDemoTenant('http://gateway', gateway, stateFile), first)
  assert.equal(gateway.made.length, made)
  assert.deepEqual(gateway.made, ['tenant', 'kintell', 'buddy', 'upskilling'])
  assert.equal(statSync(stateFile).mode & 0o777, 0o600)
})

test('a start that is cut off after any call carries on, and never makes a second tenant', async () => {
  for (let calls = 1; calls <= 9; calls += 1) {
    const gateway = fakeGateway()
    gateway.failAfter(calls)
    await makeDemoTenant('http://gateway', gateway, stateFile).catch(() => {})
    gateway.failAfter(Infinity)
    const document = await makeDemoTenant('http://gateway', gateway, stateFile)
    assert.equal(gateway.made.filter((what) => what === 'tenant').length, 1, `cut off after call ${calls}`)
    assert.deepEqual(Object.keys(document.partners), ['kintell', 'buddy', 'upskilling'])
    rmSync(stateFile)
  }
})

test('samples count as loaded once they have come to their end, and later starts keep that', async () => {
  const gateway = fakeGateway()
  const first = await makeDemoTenant('http://gateway', gateway, stateFile)
  assert.equal(samplesAreLoaded(stateFile), false)
  rememberSamples(stateFile)
  assert.deepEqual(await makeDemoTenant('http://gateway', gateway, stateFile), first)
  assert.equal(samplesAreLoaded(stateFile), true)
  assert.equal(statSync(stateFile).mode & 0o777, 0o600)
})

test('the tenant is found on a later page', async () => {
  const gateway = fakeGateway(Array.from({ length: 450 }, (_, index) => `Company ${index}`))
  await makeDemoTenant('http://gateway', gateway, stateFile)
  rmSync(stateFile)
  await makeDemoTenant('http://gateway', gateway, stateFile)
  assert.equal(gateway.made.filter((what) => what === 'tenant').length, 1)
})

/** A gateway that does what it is asked, and loses the answer of the call at which it is told to fail. */
function fakeGateway(others: readonly string[] = []) {
  const tenants = others.map((name, index) => ({ id: `tenant-${index}`, name, createdAt: '' }))
  const made: string[] = []
  let left = Infinity
  const answer = (operation: Operation, input: Input): unknown => {
    if (operation.path === '/v1/endpoints') {
      const { partner } = input.body as { partner: string }
      made.push(partner)
      return {
        id: 'endpoint',
        partner,
        webhookPath: `/v1/webhooks/${partner}/endpoint`,
        secret: `whsec_${made.length}`,
      }
    }
    if (operation.method === 'GET') {
      const from = Number(input.query?.['cursor'] ?? 0)
      const items = tenants.slice(from, from + 200)
      return { items, nextCursor: from + 200 < tenants.length ? String(from + 200) : null }
    }
    made.push('tenant')
    const tenant = { id: `tenant-${tenants.length}`, name: demoTenantName, createdAt: '' }
    tenants.push(tenant)
    return tenant
  }
  const spend = (): void => {
    left -= 1
    if (left <= 0) throw new Error('cut off')
  }
  const client: GatewayClient = {
    async call<Declared extends Operation>(operation: Declared, input: Input) {
      const result = answer(operation, input) as AnswerOf<Declared>
      spend()
      return result
    },
    async token() {
      spend()
      return 'token'
    },
  }
  return { ...client, made, failAfter: (calls: number) => void (left = calls) }
}
