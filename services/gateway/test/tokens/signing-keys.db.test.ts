import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { readSigningKey } from '@csr/http/keys'
import { readTokenTrust } from '@csr/http/token-trust'
import { createTokenVerifier, type TokenVerifier } from '@csr/http/token-verifier'
import { statement } from '@csr/postgres/statement'
import { createLogger } from '@csr/runtime/logger'
import { platformTenantId } from '@csr/contracts/services'
import { describeDevelopmentToken } from '../../src/domain/development-token.ts'
import { overlapMs } from '../../src/domain/signing-key.ts'
import { createSigningKeyStore } from '../../src/store/signing-key-store.ts'
import { createTokenSigner } from '../../src/tokens/sign-token.ts'
import { createSigningKeys, type SigningKeys } from '../../src/tokens/signing-keys.ts'
import { openStores, type OpenStores } from '../open-stores.ts'

let stores: OpenStores
before(async () => (stores = await openStores()))
after(() => stores[Symbol.asyncDispose]())

const leadSeconds = 60
const dayMs = 86_400_000
const operator = { actorId: 'operator-1', requestId: 'request-1' }
const tenantId = '0198a000-0000-7000-8000-00000000000a'

/** The signing keys as a gateway that starts now knows them. */
async function gateway(
  firstKeyFile = stores.secrets.gatewaySigningKeyFile,
  logger = stores.logger,
): Promise<SigningKeys> {
  const { clock } = stores
  const store = createSigningKeyStore(stores)
  const keys = createSigningKeys({ store, clock, logger, firstKeyFile, leadSeconds, lifeDays: 30 })
  await keys.start?.()
  return keys
}

/** A service that has just read what is trusted, with its own database role. */
async function profile(): Promise<TokenVerifier & AsyncDisposable> {
  const trust = readTokenTrust({ ...stores, postgres: stores.asService('profile') })
  await trust.start?.()
  const { publicKeysDir } = stores.secrets
  const verifier = createTokenVerifier({ service: 'profile', publicKeysDir, clock: stores.clock, trust })
  return { ...verifier, [Symbol.asyncDispose]: () => trust[Symbol.asyncDispose]() }
}

async function tokenOf(keys: Pick<SigningKeys, 'active'>): Promise<string> {
  const signer = createTokenSigner(keys)
  const stamp = { kid: signer.kid(), issuer: 'csr-backbone', nowMs: stores.clock.nowMs(), tokenId: 'a', sessionId: 'b' }
  const { header, claims } = describeDevelopmentToken({ tenantId, role: 'auditor' }, stamp)
  return await signer.sign(header, claims)
}

const statesOf = async (keys: SigningKeys): Promise<string[]> => (await keys.describe()).map(({ state }) => state)

test('a key lives as next, active, retiring and retired, and is trusted exactly as long', async () => {
  const keys = await gateway()
  const second = await gateway()
  await Promise.all([keys.maintain(), second.maintain()])
  assert.deepEqual(await statesOf(keys), ['active', 'next'], 'two gateways, one first key and one next key')
  const old = keys.active().kid

  const [rotated, lost] = await Promise.all([keys.rotate(operator), second.rotate(operator)])
  assert.equal([rotated, lost].filter(Boolean).length, 1, 'one of two rotations at once takes effect')
  assert.equal(keys.active().kid, old, 'the new key is public for a while before it signs')
  assert.equal(keys.jwks().length, 3)

  stores.clock.advanceMs(leadSeconds * 1_000)
  const later = await gateway()
  assert.notEqual(later.active().kid, old)
  assert.deepEqual(await statesOf(later), ['retiring', 'active', 'next'])
  const fresh = await tokenOf(later)
  {
    await using service = await profile()
    assert.equal((await service.verifyAccess(fresh)).tenantId, tenantId)
    assert.equal((await service.verifyAccess(await signedByOld())).tenantId, tenantId, 'in the overlap')
  }

  stores.clock.advanceMs(overlapMs - 1)
  {
    await using service = await profile()
    assert.equal((await service.verifyAccess(await signedByOld())).tenantId, tenantId, 'to its last moment')
  }
  stores.clock.advanceMs(1)
  const end = await gateway()
  assert.deepEqual(await statesOf(end), ['retired', 'active', 'next'])
  assert.equal(end.jwks().length, 2)
  await using service = await profile()
  await assert.rejects(service.verifyAccess(await signedByOld()), { code: 'token-invalid' })
  assert.equal((await service.verifyAccess(await tokenOf(end))).tenantId, tenantId)
})

/** A young token by the key of set-up, whatever became of it. */
async function signedByOld(): Promise<string> {
  const key = await readSigningKey(stores.secrets.gatewaySigningKeyFile)
  return await tokenOf({ active: () => key })
}

type Row = { readonly kid: string; readonly private_sealed: string | null }

test('P4: private halves are sealed in the database, and destroyed once nobody signs with them', async () => {
  const keys = await gateway()
  await keys.maintain()
  const select = statement<Row>('select kid, private_sealed from gateway.signing_keys order by active_from nulls last')
  const [rows] = await stores.postgres.group(platformTenantId, [select])
  assert.deepEqual(
    rows.map(({ private_sealed }) => private_sealed?.slice(0, 3) ?? null),
    [null, 's1.', 's1.'],
  )
  const inService = stores.asService('profile')
  const peek = statement('select private_sealed from gateway.signing_keys')
  await assert.rejects(inService.worker([peek]), { sqlstate: '42501' })
})

test('a key that has signed for its days is rotated by itself, and its event leaves with it', async () => {
  const old = (await gateway()).active().kid
  stores.clock.advanceMs(30 * dayMs)
  await (await gateway()).maintain()
  assert.notEqual((await gateway()).active().kid, old)
  const select = statement<{ payload: string }>(
    `select payload from gateway.outbox where topic = 'gateway.signing-key.rotated.v1' order by id desc limit 1`,
  )
  const [[row]] = await stores.postgres.worker([select])
  assert.equal((JSON.parse(row?.payload ?? '{}') as { data: { fromKid: string } }).data.fromKid, old)
})

test('P9: a gateway starts and signs although its clock was set back behind the birth of its keys, and says so', async () => {
  const lines: string[] = []
  const logger = createLogger({ service: 'gateway', destination: { write: (line) => void lines.push(line) } })
  const right = stores.clock.now()
  const usual = (await gateway()).active().kid
  stores.clock.set('2026-11-20T09:30:00.000Z')
  const keys = await gateway(undefined, logger)
  const token = await tokenOf(keys)
  {
    await using service = await profile()
    assert.equal((await service.verifyAccess(token)).tenantId, tenantId)
  }
  assert.match(lines.join(''), /"event":"clock-behind-signing-keys"/)
  await keys.maintain()
  assert.equal(await keys.rotate(operator), null, 'a key that came too early for this clock hands over to nobody')
  assert.ok((await statesOf(keys)).includes('active'))
  stores.clock.set(right)
  const healed = await gateway(undefined, logger)
  assert.equal(healed.active().kid, usual, 'nothing was changed by it')
  await using service = await profile()
  await assert.rejects(service.verifyAccess(token), { code: 'token-invalid' }, 'what was signed then has expired')
})

test('a missing key file refuses to start: no fresh key is made', async () => {
  await assert.rejects(gateway('/nowhere/access.json'), { name: 'KeyFileRefused' })
})

test('P8: knowledge older than a minute signs nothing and verifies nothing', async () => {
  const keys = await gateway()
  const token = await tokenOf(keys)
  await using service = await profile()
  await service.verifyAccess(token)
  stores.clock.advanceMs(60_000)
  assert.throws(() => keys.active(), { code: 'dependency-unavailable' })
  await assert.rejects(service.verifyAccess(token), { code: 'dependency-unavailable' })
})
