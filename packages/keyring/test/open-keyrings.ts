import type { Service } from '@csr/contracts/services'
import { createIds } from '@csr/runtime/ids'
import { createLogger } from '@csr/runtime/logger'
import { createTelemetry, type Telemetry } from '@csr/runtime/telemetry'
import { privateDatabase, type TestDatabase } from '@csr/testkit/database'
import { eventually } from '@csr/testkit/eventually'
import { fakeClock, type FakeClock } from '@csr/testkit/fake-clock'
import { testSecrets } from '@csr/testkit/secrets'
import postgres from 'postgres'
import { createKeyring, type Keyring, type KeyringOptions } from '../src/keyring.ts'

/** Keyrings of several services, as separate as in separate processes, over one key store. */
export type TestKeyrings = AsyncDisposable & {
  readonly database: TestDatabase
  readonly clock: FakeClock
  readonly logLines: string[]
  readonly telemetry: Telemetry
  /** the key store as superuser, to look at it and to harm it */
  readonly admin: postgres.Sql
  /** a keyring of its own, with caches of its own */
  open(service: Service, replace?: Partial<KeyringOptions>): Keyring
  /** a new tenant with a key, and a keyring of ingest */
  tenant(): Promise<{ tenantId: string; ingest: Keyring }>
}

const clock = fakeClock()
const ids = createIds(clock)

export function newId(): string {
  return ids.uuid()
}

export async function openKeyrings(options: { server?: 'shared' | 'own' } = {}): Promise<TestKeyrings> {
  const database = await privateDatabase(options)
  const secrets = await testSecrets()
  const opened: Keyring[] = []
  const logLines: string[] = []
  const telemetry = createTelemetry('ingest')
  const logger = createLogger({ service: 'ingest', destination: { write: (line) => void logLines.push(line) } })

  function open(service: Service, replace: Partial<KeyringOptions> = {}): Keyring {
    const { rootKeyFile, indexKeyFile } = secrets
    const keysUrl = database.keysUrl(`csr_${service}`)
    const keyring = createKeyring({
      service,
      keysUrl,
      rootKeyFile,
      indexKeyFile,
      logger,
      clock,
      ids,
      telemetry,
      ...replace,
    })
    void keyring.start?.()
    opened.push(keyring)
    return keyring
  }

  const admin = postgres(database.keysAdminUrl, { max: 1, onnotice: () => undefined })
  const gateway = open('gateway')
  const ingest = open('ingest')
  return {
    database,
    clock,
    logLines,
    telemetry,
    admin,
    open,
    async tenant() {
      const tenantId = newId()
      await eventually(() => gateway.createTenant(tenantId), { what: 'the keys of a tenant' })
      return { tenantId, ingest }
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(opened.map((keyring) => keyring[Symbol.asyncDispose]()))
      await admin.end()
      await database[Symbol.asyncDispose]()
    },
  }
}

/** Runs a statement past all grants and policies. */
export async function rowsAsAdmin({ admin }: TestKeyrings, text: string, values: readonly unknown[]) {
  return [...(await admin.unsafe(text, [...values] as postgres.ParameterOrJSON<never>[]))] as Record<string, unknown>[]
}
