import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { platformTenantId, type Service } from '@csr/contracts/services'
import { createKeyring, type Keyring } from '@csr/keyring/keyring'
import { createIds } from '@csr/runtime/ids'
import { createLogger } from '@csr/runtime/logger'
import { privateDatabase, type TestDatabase } from '@csr/testkit/database'
import { fakeClock } from '@csr/testkit/fake-clock'
import { testSecrets } from '@csr/testkit/secrets'
import { onTenantErasureDue } from '../../src/consumers/on-tenant-erasure-due.ts'

const clock = fakeClock()
const ids = createIds(clock)
const place = { field: 'gateway.accounts.person', row: ids.uuid() }

let database: TestDatabase
const keyrings: Keyring[] = []
let open: (service: Service) => Keyring
before(async () => {
  database = await privateDatabase()
  const { rootKeyFile, indexKeyFile } = await testSecrets()
  const logger = createLogger({ service: 'privacy', destination: { write: () => undefined } })
  open = (service) => {
    const keysUrl = database.keysUrl(`csr_${service}`)
    const keyring = createKeyring({ service, keysUrl, rootKeyFile, indexKeyFile, logger, clock, ids })
    void keyring.start?.()
    keyrings.push(keyring)
    return keyring
  }
})
after(async () => {
  for (const keyring of keyrings) await keyring[Symbol.asyncDispose]()
  await database[Symbol.asyncDispose]()
})

test('P5: when the erasure of a tenant is due its keys go, and those of its accounts; repeating it says so', async () => {
  const [gateway, ingest, privacy] = [open('gateway'), open('ingest'), open('privacy')]
  const [tenantId, accountId, otherId] = [ids.uuid(), ids.uuid(), ids.uuid()]
  await Promise.all([gateway.createTenant(tenantId), gateway.createTenant(platformTenantId)])
  const { subjectIds } = await ingest.resolveSubjects(tenantId, [{ email: 'participant-1@example.org' }])
  const keys = await gateway.createRecordKeys(platformTenantId, [accountId, otherId])
  const [gone, kept] = [keys.seal(accountId, place, 'gone'), keys.seal(otherId, place, 'kept')]

  const handler = onTenantErasureDue({ keyring: privacy, stamp: () => ({ id: ids.uuid(), time: clock.now() }) })
  const due = { id: ids.uuid(), data: { tenantId, actorId: 'operator-1', accountIds: [accountId] } }
  const first = await handler.handle(tenantId, [due] as never, [])
  const again = await handler.handle(tenantId, [due] as never, [])
  assert.deepEqual(
    [...first.events, ...again.events].map(({ type, tenantid, data }) => [type, tenantid, data]),
    [1, 0].map((count) => ['privacy.tenant.erased.v1', tenantId, { tenantId, keys: count }]),
  )
  const found = await open('profile').load(tenantId, [...subjectIds])
  assert.ok(found.erased(subjectIds[0] ?? ''))
  const accounts = await open('gateway').load(platformTenantId, [accountId, otherId])
  assert.deepEqual(accounts.open(gone, place), { state: 'erased' })
  assert.deepEqual(accounts.open(kept, place), { state: 'value', value: 'kept' })
})
