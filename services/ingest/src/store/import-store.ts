import type { SealedText } from '@csr/contracts/events/envelope'
import type { ImportSchemaName } from '@csr/contracts/imports/schemas'
import type { Keyring } from '@csr/keyring/keyring'
import type { Keys } from '@csr/keyring/keys'
import { insertEvents } from '@csr/messaging/outbox'
import type { Postgres } from '@csr/postgres/connect'
import { isStale, isUniqueViolation } from '@csr/postgres/errors'
import type { Also, Statement } from '@csr/postgres/statement'
import type { Clock } from '@csr/runtime/clock'
import type { Ids } from '@csr/runtime/ids'
import { importCompleted } from '../events.ts'
import * as statements from './import-statements.ts'
import type { ImportRecord, ListedRow } from './import-statements.ts'
import { settleRows, type IncomingRow } from './settle-rows.ts'

export interface ImportStore {
  /** stores a file sealed, piece by piece; nothing of it counts before the last piece is there */
  receive(tenantId: string, file: IncomingFile, also: Also<ImportRecord>): Promise<ImportRecord>
  find(tenantId: string, id: string): Promise<ImportRecord | null>
  list(tenantId: string, page: { before: string | null; limit: number }): Promise<readonly ImportRecord[]>
  rows(
    tenantId: string,
    id: string,
    page: { status: string | null; before: number | null; limit: number },
  ): Promise<readonly ListedRow[]>
  /** oldest first: the next file of each tenant, and uploads that broke off longer ago than `brokenAfterMs` */
  due(
    brokenAfterMs: number,
  ): Promise<{ readonly files: readonly statements.DueImport[]; readonly broken: readonly statements.DueImport[] }>
  /** the pieces of a stored file, one in memory at a time */
  pieces(tenantId: string, file: ImportRecord): AsyncGenerator<Buffer>
  /** commits a batch of rows with the counts they add up to; all or nothing, once */
  commit(tenantId: string, file: ImportRecord, batch: Batch): Promise<ImportRecord>
  finish(tenantId: string, file: ImportRecord): Promise<void>
  /** removes an upload that broke off, key and all */
  forget(tenantId: string, id: string): Promise<void>
  /** statements that end every file of the tenant that is not worked off */
  abandon(): readonly Statement[]
}

/** Rows that share a commit, and how far into the file they reach. */
export type Batch = { readonly rows: readonly IncomingRow[]; readonly bytesRead: number }

export type IncomingFile = {
  readonly schema: ImportSchemaName
  readonly actorId: string
  readonly chunks: AsyncIterable<Buffer>
}

type Deps = {
  readonly postgres: Pick<Postgres, 'group' | 'worker'>
  readonly keyring: Keyring
  readonly clock: Clock
  readonly ids: Ids
  readonly wakeRelay: () => void
}

/** A sealed text holds less than a chunk: each is sealed in pieces of this many bytes. */
const pieceBytes = 48 * 1_024
const attemptsMax = 5

const piecePlace = (importId: string, chunk: number, piece: number) => ({
  field: `ingest.import_chunks.content_sealed/${piece}`,
  row: `${importId}/${chunk}`,
})

export function createImportStore(deps: Deps): ImportStore {
  const { postgres } = deps
  return {
    receive: (tenantId, file, also) => receive(deps, tenantId, file, also),
    async find(tenantId, id) {
      const [[row]] = await postgres.group(tenantId, [statements.selectImport(id)])
      return row && row.state !== 'uploading' ? row : null
    },
    async list(tenantId, { before, limit }) {
      const [rows] = await postgres.group(tenantId, [statements.selectImports(before, limit)])
      return rows
    },
    async rows(tenantId, id, { status, before, limit }) {
      const [rows] = await postgres.group(tenantId, [statements.selectRows(id, { status, before, limit })])
      return rows
    },
    due: (brokenAfterMs) => due(deps, brokenAfterMs),
    pieces: (tenantId, file) => piecesOf(deps, tenantId, file),
    commit: (tenantId, file, batch) => commit(deps, tenantId, file, batch),
    finish: (tenantId, file) => finish(deps, tenantId, file),
    forget: (tenantId, id) => forget(deps, tenantId, id),
    abandon: () => statements.abandonAll(deps.clock.now()),
  }
}

async function receive(
  deps: Deps,
  tenantId: string,
  { schema, actorId, chunks }: IncomingFile,
  also: Also<ImportRecord>,
): Promise<ImportRecord> {
  const { postgres, keyring, clock, ids } = deps
  const [id, receivedAt] = [ids.uuid(), clock.now()]
  const keys = await keyring.createRecordKeys(tenantId, [id])
  await postgres.group(tenantId, [statements.insertImport(id, schema, actorId, receivedAt)])
  try {
    let [bytes, count] = [0, 0]
    for await (const chunk of chunks) {
      await postgres.group(tenantId, [statements.insertChunk(id, count, sealPieces(keys, id, count, chunk))])
      bytes += chunk.length
      count += 1
    }
    const record = statements.receivedImport({ id, schema, bytes, chunks: count, receivedAt })
    await postgres.group(tenantId, [statements.markReceived(record), ...(await also(record))])
    return record
  } catch (error) {
    await forget(deps, tenantId, id).catch(() => undefined)
    throw error
  }
}

async function due({ postgres, clock }: Deps, brokenAfterMs: number): ReturnType<ImportStore['due']> {
  const [rows] = await postgres.worker([statements.selectDue])
  const brokenBefore = clock.nowMs() - brokenAfterMs
  return {
    files: rows.filter(({ state }) => state !== 'uploading'),
    broken: rows.filter(({ state, receivedAt }) => state === 'uploading' && Date.parse(receivedAt) < brokenBefore),
  }
}

async function* piecesOf(
  { postgres, keyring }: Deps,
  tenantId: string,
  { id, chunks }: ImportRecord,
): AsyncGenerator<Buffer> {
  for (let chunk = 0; chunk < chunks; chunk += 1) {
    for (let piece = 0; ; piece += 1) {
      const [[row]] = await postgres.group(tenantId, [statements.selectPiece(id, chunk, piece)])
      if (!row) throw new Error(`chunk ${chunk} of import ${id} is not there`)
      if (row.sealed === null) break
      const keys = await keyring.load(tenantId, [id])
      yield Buffer.from(keys.read(row.sealed, piecePlace(id, chunk, piece)), 'latin1')
    }
  }
}

async function commit(deps: Deps, tenantId: string, file: ImportRecord, batch: Batch): Promise<ImportRecord> {
  const { postgres, wakeRelay } = deps
  const { rows, bytesRead } = batch
  for (let attempt = 1; ; attempt += 1) {
    try {
      const settled = await settleRows(deps, tenantId, file.id, rows)
      const next = {
        accepted: file.accepted + settled.accepted,
        duplicate: file.duplicate + settled.duplicate,
        quarantined: file.quarantined + settled.quarantined,
        bytesRead,
      }
      await postgres.group(tenantId, [statements.advance(file.id, file, next), ...settled.statements])
      if (settled.accepted > 0) wakeRelay()
      return { ...file, ...next, state: 'running' }
    } catch (error) {
      const isBeaten = isStale(error) || isUniqueViolation(error)
      if (!isBeaten || attempt === attemptsMax) throw error
    }
  }
}

async function finish(
  { postgres, keyring, clock, ids, wakeRelay }: Deps,
  tenantId: string,
  file: ImportRecord,
): Promise<void> {
  const { id: importId, schema, accepted, duplicate, quarantined } = file
  const total = accepted + duplicate + quarantined
  const at = clock.now()
  const counts = { importId, schema, total, accepted, duplicate, quarantined }
  const event = importCompleted({ id: ids.uuid(), time: at, tenantId }, counts)
  const state = quarantined > 0 ? 'completed_with_errors' : 'completed'
  await postgres.group(tenantId, [...statements.finish(importId, state, at), insertEvents('ingest', [event])])
  await keyring.destroyKeys(tenantId, [importId])
  wakeRelay()
}

async function forget({ postgres, keyring }: Deps, tenantId: string, id: string): Promise<void> {
  await postgres.group(tenantId, [...statements.forgetImport(id)])
  await keyring.destroyKeys(tenantId, [id])
}

function sealPieces(keys: Keys, importId: string, chunk: number, bytes: Buffer): SealedText[] {
  const pieces: SealedText[] = []
  for (let start = 0; start < bytes.length; start += pieceBytes) {
    const piece = bytes.subarray(start, start + pieceBytes).toString('latin1')
    pieces.push(keys.seal(importId, piecePlace(importId, chunk, pieces.length), piece))
  }
  return pieces
}
