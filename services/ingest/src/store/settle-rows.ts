import { KeyErased } from '@csr/keyring/errors'
import type { Keyring } from '@csr/keyring/keyring'
import { insertEvents } from '@csr/messaging/outbox'
import type { Postgres } from '@csr/postgres/connect'
import type { Statement } from '@csr/postgres/statement'
import type { Clock } from '@csr/runtime/clock'
import type { Ids } from '@csr/runtime/ids'
import { decideReport, type KnownReport } from '../domain/decide-report.ts'
import type { RowReason } from '../domain/translate-row.ts'
import type { Report } from '../domain/translation.ts'
import type { ReportEvent } from '../events.ts'
import { knownReport } from './commit-claims.ts'
import { updateNaturalKey } from './delivery-statements.ts'
import { insertKeys, insertRows, selectKeys, type KnownKey, type RowRecord } from './import-statements.ts'
import { contentOf } from './prepare-claim.ts'
import { sealReport, sourceIdOf } from './seal-report.ts'

/** A row on its way in: a report, or the row as it came with what is wrong in it. */
export type IncomingRow =
  | { readonly row: number; readonly report: Report }
  | { readonly row: number; readonly raw: string; readonly reasons: readonly RowReason[] }

type Deps = {
  readonly postgres: Pick<Postgres, 'group'>
  readonly keyring: Keyring
  readonly clock: Clock
  readonly ids: Ids
}

/** What to commit for a batch of rows, and how many of each kind it holds. */
export type Settled = {
  readonly statements: readonly Statement[]
  readonly accepted: number
  readonly duplicate: number
  readonly quarantined: number
}

const rowPlace = (id: string) => ({ field: 'ingest.import_rows.row_sealed', row: id })

/**
 * Decides a batch of rows of one file: resolves everybody in one go, reads the natural keys in one go, and lets each row
 * see what the rows before it decided. Writes nothing; the statements raise CS001 or a unique violation where a webhook
 * or another process was faster, and the batch is then decided anew.
 */
export async function settleRows(
  deps: Deps,
  tenantId: string,
  importId: string,
  rows: readonly IncomingRow[],
): Promise<Settled> {
  const reports = rows.flatMap((row) => ('report' in row ? [row] : []))
  const misshapen = rows.flatMap((row) => ('reasons' in row ? [row] : []))
  const prepared = await prepare(deps, tenantId, reports)
  const known = await readKnown(deps, tenantId, prepared)
  const decided = decide(prepared, known)
  const kept = await keepMisshapen(deps, tenantId, misshapen)
  const records = [...decided.records, ...kept]
  return {
    statements: [
      ...decided.statements,
      ...(decided.events.length > 0 ? [insertEvents('ingest', decided.events, 'bulk')] : []),
      ...(records.length > 0 ? [insertRows(importId, records)] : []),
    ],
    accepted: decided.events.length,
    duplicate: decided.records.length - decided.events.length,
    quarantined: kept.length,
  }
}

type Prepared = {
  readonly row: number
  readonly id: string
  readonly key: string
  readonly content: string
  readonly reportedAt: string
  readonly event: ReportEvent
  readonly subjectIds: readonly string[]
  readonly peopleSealed: RowRecord['peopleSealed']
}

type RowWithReport = { readonly row: number; readonly report: Report }

async function prepare(deps: Deps, tenantId: string, rows: readonly RowWithReport[]): Promise<Prepared[]> {
  try {
    return await prepareOnce(deps, tenantId, rows)
  } catch (error) {
    // erased between resolving and sealing: the same identifiers now stand for nobody, and resolve to a new person
    if (error instanceof KeyErased) return await prepareOnce(deps, tenantId, rows)
    throw error
  }
}

async function prepareOnce(deps: Deps, tenantId: string, rows: readonly RowWithReport[]): Promise<Prepared[]> {
  const { keyring, clock, ids } = deps
  const everybody = rows.flatMap(({ report: { people, partner } }) =>
    people.map(({ email, externalId }) => ({ email, partner, externalId })),
  )
  if (everybody.length === 0) return []
  const resolved = await keyring.resolveSubjects(tenantId, everybody)
  let next = 0
  return rows.map(({ row, report }) => {
    const subjectIds = resolved.subjectIds.slice(next, (next += report.people.length))
    const [id, eventId, at] = [ids.uuid(), ids.uuid(), clock.now()]
    const sourceId = sourceIdOf(report, { tenantId, subjectIds }, keyring)
    const who = { tenantId, deliveryId: id, eventId, at, sourceId, subjectIds, keys: resolved.keys }
    const { partner, kind, reportedAt } = report
    return {
      ...{ row, id, reportedAt },
      ...sealReport(report, who, keyring),
      key: keyring.fingerprintUuid(tenantId, 'natural-key', partner, kind, sourceId),
      content: keyring.fingerprintUuid(tenantId, 'report-content', contentOf(report)),
    }
  })
}

async function readKnown(
  { postgres }: Deps,
  tenantId: string,
  rows: readonly Prepared[],
): Promise<ReadonlyMap<string, KnownKey>> {
  if (rows.length === 0) return new Map()
  const [known] = await postgres.group(tenantId, [selectKeys([...new Set(rows.map(({ key }) => key))])])
  return new Map(known.map((row) => [row.key, row]))
}

type Decided = { readonly records: RowRecord[]; readonly events: ReportEvent[]; readonly statements: Statement[] }

/** Row after row, each seeing what those before it left; written is only what stands in the end. */
function decide(rows: readonly Prepared[], known: ReadonlyMap<string, KnownKey>): Decided {
  const standing = new Map<string, KnownReport>([...known].map(([key, row]) => [key, knownReport(row)]))
  const changed = new Set<string>()
  const records: RowRecord[] = []
  const events: ReportEvent[] = []
  for (const { row, id, key, content, reportedAt, event, subjectIds, peopleSealed } of rows) {
    const incoming = { content, reportedAt, deliveryId: id }
    const before = standing.get(key)
    const decision = before && decideReport(before, incoming)
    if (decision?.outcome === 'duplicate') {
      records.push({ row, id, status: 'duplicate', subjectIds: [], peopleSealed: [], rowSealed: null, reasons: null })
      continue
    }
    standing.set(key, decision ? decision.next : { ...incoming, earlier: [] })
    changed.add(key)
    events.push(event)
    records.push({ row, id, status: 'accepted', subjectIds, peopleSealed, rowSealed: null, reasons: null })
  }
  return { records, events, statements: keyStatements(changed, standing, known) }
}

function keyStatements(
  changed: ReadonlySet<string>,
  standing: ReadonlyMap<string, KnownReport>,
  known: ReadonlyMap<string, KnownKey>,
): Statement[] {
  const all = [...changed]
    .toSorted()
    .map((key) => ({ key, now: standing.get(key) as KnownReport, before: known.get(key) }))
  const fresh = all.filter(({ before }) => !before)
  return [
    ...(fresh.length > 0 ? [insertKeys(fresh.map(({ key, now }) => ({ key, ...now })))] : []),
    ...all.flatMap(({ key, now, before }) => (before ? [updateNaturalKey(key, before.version, now)] : [])),
    // a key that was new and corrected within the batch keeps its history
    ...fresh.flatMap(({ key, now }) => (now.earlier.length > 0 ? [updateNaturalKey(key, 1, now)] : [])),
  ]
}

/** Each under a key of its own that goes with the row. */
async function keepMisshapen(
  { keyring, ids }: Deps,
  tenantId: string,
  rows: readonly { readonly row: number; readonly raw: string; readonly reasons: readonly RowReason[] }[],
): Promise<RowRecord[]> {
  if (rows.length === 0) return []
  const named = rows.map((row) => ({ ...row, id: ids.uuid() }))
  const keys = await keyring.createRecordKeys(
    tenantId,
    named.map(({ id }) => id),
  )
  return named.map(({ row, id, raw, reasons }) => ({
    ...{ row, id, status: 'quarantined', subjectIds: [], peopleSealed: [] },
    rowSealed: keys.seal(id, rowPlace(id), raw),
    reasons: [...reasons],
  }))
}
