import { createImport } from '@csr/contracts/http/ingest'
import { missingColumns, recogniseSchema, type ImportSchemaName } from '@csr/contracts/imports/schemas'
import { ProblemError } from '@csr/http/problem'
import { route, type Route } from '@csr/http/route'
import { inChunks } from '../csv/in-chunks.ts'
import { openUpload, UploadRefused } from '../csv/open-upload.ts'
import { readDialect } from '../csv/read-header.ts'
import type { ImportRecord } from '../store/import-statements.ts'
import type { ImportStore } from '../store/import-store.ts'
import { bodyOf } from './import-body.ts'

type Deps = {
  readonly imports: Pick<ImportStore, 'receive'>
  readonly wakeWorker: () => void
  readonly bytesMax: number
}

const chunkBytes = 262_144

/** Answers once the whole file is stored. A file whose header fits no schema is refused before it is read on. */
export function createImportRoute({ imports, wakeWorker, bytesMax }: Deps): Route {
  return route({
    ...createImport,
    bodyBytesMax: bytesMax,
    async handle({ principal, query, body, headers, once }) {
      const chunks = inChunks(openUpload(body, headers['content-type'] ?? ''), chunkBytes)
      try {
        const first = await chunks.next()
        const schema = schemaOf(query.schema, first.done ? Buffer.alloc(0) : first.value)
        const file = { schema, actorId: principal.actorId, chunks: withFirst(first, chunks) }
        const record = await imports.receive(principal.tenantId, file, (received) => once.keep(answerOf(received)))
        wakeWorker()
        return answerOf(record)
      } catch (error) {
        if (error instanceof UploadRefused) throw refusal(error.message)
        throw error
      }
    },
  })
}

function answerOf(record: ImportRecord) {
  return { status: 202, body: bodyOf(record), headers: { location: `/v1/imports/${record.id}` } } as const
}

/** The schema asked for, or the one the header belongs to. */
function schemaOf(asked: ImportSchemaName | undefined, first: Buffer): ImportSchemaName {
  const dialect = readDialect(first)
  if (!dialect) throw refusal('has no header line')
  const schema = asked ?? recogniseSchema(dialect.header)
  if (!schema) throw refusal('the header fits no schema; name one with ?schema=')
  const missing = missingColumns(schema, dialect.header)
  if (missing.length > 0) throw refusal(`the header lacks ${missing.join(', ')}, which ${schema} requires`)
  return schema
}

function refusal(detail: string): ProblemError {
  return new ProblemError('body-invalid', { errors: [{ pointer: '', detail }] })
}

async function* withFirst(first: IteratorResult<Buffer>, rest: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  if (!first.done) yield first.value
  yield* rest
}
