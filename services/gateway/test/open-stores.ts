import type { Service } from '@csr/contracts/services'
import { createKeyring, type Keyring } from '@csr/keyring/keyring'
import { createPostgres, type Postgres } from '@csr/postgres/connect'
import { createIds, type Ids } from '@csr/runtime/ids'
import { createLogger, type Logger } from '@csr/runtime/logger'
import { privateDatabase, type TestDatabase } from '@csr/testkit/database'
import { fakeClock, type FakeClock } from '@csr/testkit/fake-clock'
import { testSecrets, type TestSecrets } from '@csr/testkit/secrets'

/** What the gateway's stores stand on, with a clock that stands still; no bus, no server. */
export type OpenStores = AsyncDisposable & {
  readonly database: TestDatabase
  readonly secrets: TestSecrets
  readonly postgres: Postgres
  readonly keyring: Keyring
  readonly clock: FakeClock
  readonly ids: Ids
  readonly logger: Logger
  readonly relay: { wake(): void }
  /** the database as another service sees it */
  asService(service: Service): Postgres
}

export async function openStores(): Promise<OpenStores> {
  const database = await privateDatabase()
  const secrets = await testSecrets()
  const clock = fakeClock()
  const ids = createIds(clock)
  const logger = createLogger({ service: 'gateway', destination: { write: () => undefined } })
  const opened: Postgres[] = []

  function asService(service: Service): Postgres {
    const [url, workerUrl] = [database.url(`csr_${service}`), database.url(`csr_${service}_worker`)]
    const postgres = createPostgres({ name: service, url, workerUrl, logger, connectionsMax: 4 })
    void postgres.start?.()
    opened.push(postgres)
    return postgres
  }

  const postgres = asService('gateway')
  const { rootKeyFile, indexKeyFile } = secrets
  const keysUrl = database.keysUrl('csr_gateway')
  const keyring = createKeyring({ service: 'gateway', keysUrl, rootKeyFile, indexKeyFile, logger, clock, ids })
  await keyring.start?.()
  return {
    ...{ database, secrets, postgres, keyring, clock, ids, logger, asService },
    relay: { wake: () => undefined },
    async [Symbol.asyncDispose]() {
      await keyring[Symbol.asyncDispose]()
      for (const each of opened) await each[Symbol.asyncDispose]()
      await database[Symbol.asyncDispose]()
    },
  }
}
