import type { ImportStatus } from '@csr/contracts/http/ingest'
import type { ImportRecord } from '../store/import-statements.ts'

/** An import as outsiders see it. What is still arriving is shown to nobody. */
export function bodyOf(record: ImportRecord): ImportStatus {
  const { id, schema, state, bytes, bytesRead, accepted, duplicate, quarantined, receivedAt, completedAt } = record
  return {
    ...{ id, schema, bytes, receivedAt, completedAt },
    state: state === 'uploading' ? 'received' : state,
    progress: bytes === 0 ? 1 : Math.min(1, bytesRead / bytes),
    rows: { total: accepted + duplicate + quarantined, accepted, duplicate, quarantined },
  }
}
