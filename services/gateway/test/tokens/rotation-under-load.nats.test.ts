import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { platformTenantId } from '@csr/contracts/services'
import { eventually } from '@csr/testkit/eventually'
import { testSecrets } from '@csr/testkit/secrets'
import { signAccessToken } from '@csr/testkit/access-tokens'
import { runGateway, startServers, type RunningGateway, type Servers } from '../running-gateway.ts'

let servers: Servers
let gateway: RunningGateway
before(async () => {
  servers = await startServers()
  gateway = await runGateway(servers, settings)
})
after(async () => {
  await gateway[Symbol.asyncDispose]()
  await servers[Symbol.asyncDispose]()
})

const settings = {
  GATEWAY_SIGNING_KEY_LEAD_SECONDS: '15',
  GATEWAY_LIMIT_USER_PER_MINUTE: '1000000',
  GATEWAY_LIMIT_ANONYMOUS_PER_MINUTE: '1000000',
}

const perSecond = 200

type Key = { readonly kid: string; readonly state: string }

async function keysOf(): Promise<readonly Key[]> {
  const token = await gateway.tokenOf('platform_admin', platformTenantId)
  const answer = await fetch(`${gateway.url}/v1/signing-keys`, { headers: { authorization: `Bearer ${token}` } })
  return ((await answer.json()) as { items: Key[] }).items
}

const kidOf = (token: string): string =>
  (JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()) as Key).kid

test('a key rotated while 200 requests a second run: no valid token is refused, by either gateway', async () => {
  const [, waiting] = await eventually(
    async () => {
      const keys = await keysOf()
      assert.equal(keys.length, 2)
      return keys
    },
    { what: 'a next key' },
  )
  await using other = await runGateway(servers, settings)
  const load = runLoad([gateway.url, other.url])
  load.tokens.push(await gateway.tokenOf('auditor', platformTenantId), await other.tokenOf('auditor', platformTenantId))
  const headers = { authorization: `Bearer ${await gateway.tokenOf('platform_admin', platformTenantId)}` }
  const answer = await fetch(`${gateway.url}/v1/signing-keys/rotations`, { method: 'POST', headers })
  assert.equal(answer.status, 201, await answer.text())
  await eventually(
    async () => {
      for (const { tokenOf } of [gateway, other]) {
        const token = await tokenOf('auditor', platformTenantId)
        load.tokens.push(token)
        assert.equal(kidOf(token), waiting?.kid)
      }
    },
    { withinMs: 30_000, what: 'tokens of the new key' },
  )
  await load.runsOn(300)
  const { statuses, kids } = await load.end()
  assert.deepEqual([...statuses.keys()], [200], JSON.stringify([...statuses]))
  assert.equal(kids.size, 2)
  assert.deepEqual(
    (await keysOf()).map(({ state }) => state),
    ['retiring', 'active', 'next'],
  )
})

/** Requests at a steady rate with tokens of the list in turn; tokens may be added while it runs. */
function runLoad(urls: readonly string[]) {
  const tokens: string[] = []
  const statuses = new Map<number, number>()
  const kids = new Set<string>()
  const asked: Promise<void>[] = []
  const end = new AbortController()

  async function ask(index: number): Promise<void> {
    const token = tokens[index % tokens.length] ?? ''
    kids.add(kidOf(token))
    const headers = { authorization: `Bearer ${token}` }
    const answer = await fetch(`${urls[index % urls.length]}/v1/me`, { headers })
    await answer.arrayBuffer()
    statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1)
  }
  async function run(): Promise<void> {
    const startedMs = performance.now()
    while (!end.signal.aborted) {
      const due = Math.floor(((performance.now() - startedMs) / 1_000) * perSecond)
      while (tokens.length > 0 && asked.length < due) asked.push(ask(asked.length))
      await delay(5)
    }
  }
  const running = run()
  return {
    tokens,
    /** so many requests more */
    async runsOn(count: number): Promise<void> {
      const least = asked.length + count
      await eventually(() => assert.ok(asked.length >= least), { withinMs: 10_000 })
    },
    async end() {
      end.abort()
      await running
      await Promise.all(asked)
      return { statuses, kids }
    },
  }
}

test('after the overlap what the old keys sign is refused, however young', async () => {
  const { gatewaySigningKeyFile } = await testSecrets()
  const offsetSeconds = 13 * 60
  await using later = await runGateway(servers, { ...settings, CSR_CLOCK_OFFSET_SECONDS: String(offsetSeconds) })
  const old = signAccessToken(gatewaySigningKeyFile, Date.now() + offsetSeconds * 1_000, {
    tenantId: platformTenantId,
    role: 'platform_admin',
  })
  assert.equal((await fetch(`${later.url}/v1/me`, { headers: { authorization: `Bearer ${old}` } })).status, 401)
  const fresh = await later.tokenOf('platform_admin', platformTenantId)
  assert.equal((await fetch(`${later.url}/v1/me`, { headers: { authorization: `Bearer ${fresh}` } })).status, 200)
  const jwks = (await (await fetch(`${later.url}/.well-known/jwks.json`)).json()) as { keys: { kid: string }[] }
  const retired = (JSON.parse(readFileSync(gatewaySigningKeyFile, 'utf8')) as Key).kid
  assert.ok(jwks.keys.every(({ kid }) => kid !== retired))
})
