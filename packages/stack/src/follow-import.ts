import { getImport, type ImportStatus } from '@csr/contracts/http/ingest'
import { setTimeout as delay } from 'node:timers/promises'
import type { CompanyClient } from './company-client.ts'
import { Refusal } from './refusal.ts'

/** Asks until an import has ended, and returns how. Refused where it makes no step forward for two minutes. */
export async function followImport(
  company: CompanyClient,
  started: ImportStatus,
  onStep: (status: ImportStatus) => void = () => {},
): Promise<ImportStatus> {
  let status = started
  let movedMs = performance.now()
  for (;;) {
    onStep(status)
    if (status.state === 'failed' || status.state.startsWith('completed')) return status
    if (performance.now() - movedMs > stillForMs) throw new Refusal(`The import ${status.id} makes no step forward.`)
    await delay(pollMs, undefined, { signal: company.signal })
    const next = await company.ask(getImport, { params: { id: started.id } })
    if (next.progress !== status.progress || next.rows.total !== status.rows.total) movedMs = performance.now()
    status = next
  }
}

const pollMs = 250
const stillForMs = 120_000
