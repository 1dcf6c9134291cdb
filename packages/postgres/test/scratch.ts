import { createLogger, type Logger } from '@csr/runtime/logger'
import { privateDatabase, type TestDatabase } from '@csr/testkit/database'
import postgres from 'postgres'
import { createPostgres, type Postgres, type PostgresOptions } from '../src/connect.ts'
import { statement, type Statement } from '../src/statement.ts'

export const tenantA = '00000000-0000-7000-8000-00000000000a'
export const tenantB = '00000000-0000-7000-8000-00000000000b'

export type Note = { id: string; text: string }

/** A private database with one protected table, `scratch.notes`, that the ingest role may use. */
export type Scratch = AsyncDisposable & {
  readonly database: TestDatabase
  /** as the owner of the tables; row-level security holds for it too */
  readonly owner: postgres.Sql
  /** as superuser: sees everything, and may end sessions */
  readonly admin: postgres.Sql
  /** a started Postgres with the roles of the ingest service */
  open(options?: Partial<PostgresOptions>): Promise<Postgres>
}

const schema = `
  create schema scratch;
  create table scratch.notes (
    tenant_id uuid not null,
    id uuid not null,
    text text not null check (text <> 'forbidden'),
    parent uuid,
    primary key (tenant_id, id),
    foreign key (tenant_id, parent) references scratch.notes deferrable initially deferred
  );
  select ops.protect_tenant_table('scratch.notes');
  grant usage on schema scratch to csr_ingest;
  grant select, insert, update, delete on scratch.notes to csr_ingest;`

const driver = { max: 1, max_lifetime: null, fetch_types: false, onnotice: () => undefined }

export async function createScratch(options: { server?: 'shared' | 'own' } = {}): Promise<Scratch> {
  const database = await privateDatabase(options)
  const owner = postgres(database.url('csr_owner'), driver)
  const admin = postgres(database.adminUrl, driver)
  const opened: Postgres[] = []
  await owner.unsafe(schema)
  return {
    database,
    owner,
    admin,
    async open(given = {}) {
      const connected = createPostgres({ ...defaults(database), ...given })
      opened.push(connected)
      await connected.start?.()
      return connected
    },
    async [Symbol.asyncDispose]() {
      for (const connected of opened) await connected[Symbol.asyncDispose]()
      await Promise.all([owner.end({ timeout: 1 }), admin.end({ timeout: 1 })])
      await database[Symbol.asyncDispose]()
    },
  }
}

function defaults(database: TestDatabase): PostgresOptions {
  const url = database.url('csr_ingest')
  return { name: 'postgres', url, workerUrl: database.url('csr_ingest_worker'), logger: silentLogger }
}

export const silentLogger: Logger = createLogger({ service: 'test', destination: { write: () => undefined } })

export function insertNote(tenantId: string, id: string, text: string): Statement<{ id: string }> {
  return statement('insert into scratch.notes (tenant_id, id, text) values ($1, $2, $3) returning id', [
    tenantId,
    id,
    text,
  ])
}

export const allNotes: Statement<Note> = statement('select id, text from scratch.notes order by id')

export const tenantSeen: Statement<{ tenant: string | null }> = statement('select ops.tenant_id() as tenant')
