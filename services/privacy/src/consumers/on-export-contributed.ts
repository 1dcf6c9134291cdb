import { on, type Handler } from '@csr/messaging/consume'
import type { ExportStore } from '../store/export-store.ts'

type Deps = { readonly exports: Pick<ExportStore, 'keep'> }

/** Every service answers a request for export with its own event; all of them are kept the same way. */
export function onExportContributed({ exports }: Deps): Handler[] {
  const keep = async (tenantId: string, events: Parameters<ExportStore['keep']>[1]) => ({
    statements: await exports.keep(tenantId, events),
    events: [],
  })
  return [
    on('gateway.export.contributed', keep),
    on('profile.export.contributed', keep),
    on('ingest.export.contributed', keep),
    on('q2q.export.contributed', keep),
    on('safety.export.contributed', keep),
    on('audit.export.contributed', keep),
  ]
}
