import { sealedText } from '@csr/contracts/events/envelope'
import { eventPlace } from '@csr/contracts/events/event-place'
import type { EventOf } from '@csr/contracts/events/catalog'
import { joinExport, splitExport, type Held } from '@csr/contracts/events/export-parts'
import type { Service } from '@csr/contracts/services'
import { KeyErased, KeyringUnavailable } from '@csr/keyring/errors'
import type { Keyring } from '@csr/keyring/keyring'
import type { Keys } from '@csr/keyring/keys'
import { insertEvents } from '@csr/messaging/outbox'
import type { Postgres } from '@csr/postgres/connect'
import { isStale } from '@csr/postgres/errors'
import { statement, type Also, type Statement } from '@csr/postgres/statement'
import type { Clock } from '@csr/runtime/clock'
import type { Ids } from '@csr/runtime/ids'
import {
  contributedOf,
  downloadableMs,
  dueOf,
  isComplete,
  stateOf,
  type Arrived,
  type ExportState,
} from '../domain/export-progress.ts'
import { exportReady, exportRequested } from '../events.ts'
import * as exports from './export-statements.ts'

type Contributed = EventOf<
  | 'gateway.export.contributed.v1'
  | 'profile.export.contributed.v1'
  | 'ingest.export.contributed.v1'
  | 'q2q.export.contributed.v1'
  | 'safety.export.contributed.v1'
  | 'audit.export.contributed.v1'
>

export type ExportView = {
  readonly id: string
  readonly subjectId: string
  readonly state: ExportState
  readonly requestedAt: string
  readonly dueAt: string
  readonly expiresAt: string | null
  readonly contributed: readonly Service[]
}

export type NewRequest = {
  readonly subjectId: string
  readonly actorId: string
  readonly identityCheckedBy: string | null
  readonly requestId: string
}

export type Requested = { readonly link: string; readonly view: ExportView }

export interface ExportStore {
  /** keeps the request, asks every service, and answers with the link: the only time it is told */
  request(tenantId: string, asked: NewRequest, also: Also<Requested>): Promise<Requested>
  /** null for a link that is unknown, or somebody else's */
  find(tenantId: string, link: string, actorId: string): Promise<ExportView | null>
  /** opens the archive's documents, once: null where the link was used or is over */
  download(tenantId: string, view: ExportView): Promise<Readonly<Record<string, Held>> | null>
  /** for the consumer's own group */
  keep(tenantId: string, contributed: readonly Contributed[]): Promise<readonly Statement[]>
  /** announces what has become complete, and forgets what is over */
  settleDue(): Promise<void>
}

type Deps = {
  readonly postgres: Pick<Postgres, 'group' | 'worker'>
  readonly keyring: Pick<Keyring, 'load' | 'fingerprint'>
  readonly clock: Clock
  readonly ids: Ids
  readonly wake: () => void
}

const partPlace = (exportId: string, service: string, part: number) => ({
  field: `privacy.export_parts.content_sealed/${service}/${part}`,
  row: exportId,
})

export function createExportStore(deps: Deps): ExportStore {
  const { postgres, keyring, clock } = deps
  return {
    request: (tenantId, asked, also) => request(deps, tenantId, asked, also),
    async find(tenantId, link, actorId) {
      const linkFingerprint = fingerprintOf(keyring, tenantId, link)
      const [[row], arrived] = await postgres.group(tenantId, [
        exports.selectByLink(linkFingerprint, actorId),
        exports.selectArrived(linkFingerprint),
      ])
      return row ? viewOf(row, arrived, clock.now()) : null
    },
    download: (tenantId, view) => download(deps, tenantId, view),
    keep: (tenantId, contributed) => keep(deps, tenantId, contributed),
    settleDue: () => settleDue(deps),
  }
}

async function request(deps: Deps, tenantId: string, asked: NewRequest, also: Also<Requested>): Promise<Requested> {
  const { postgres, keyring, clock, ids, wake } = deps
  const { subjectId, actorId, identityCheckedBy, requestId } = asked
  const [link, id, requestedAt] = [ids.secret(), ids.uuid(), clock.now()]
  const dueAt = dueOf(requestedAt)
  const keys = await keyring.load(tenantId, [subjectId])
  const known = isKnown(keys, subjectId)
  const about = { id: ids.uuid(), time: requestedAt, tenantId, causationId: requestId }
  const row = {
    id,
    linkFingerprint: fingerprintOf(keyring, tenantId, link),
    subjectId,
    known,
    actorId,
    identityCheckedBy,
    requestedAt,
    dueAt,
  }
  const statements: Statement[] = [exports.insertExport(row)]
  if (known) {
    const own = await ownPart(postgres, tenantId, subjectId)
    statements.push(
      exports.insertParts(sealParts(id, 'privacy', own, { keys, subjectId })),
      insertEvents('privacy', [exportRequested(about, { exportId: id, subjectId, actorId, dueAt })]),
    )
  }
  const none = { readyAt: null, expiresAt: null, downloadedAt: null }
  // the same answer whether the person is known or not
  const requested = { link, view: viewOf({ ...row, ...none }, [], requestedAt) }
  await postgres.group(tenantId, [...statements, ...(await also(requested))])
  wake()
  return requested
}

async function download(
  { postgres, keyring, clock }: Deps,
  tenantId: string,
  { id, subjectId, state }: ExportView,
): Promise<Readonly<Record<string, Held>> | null> {
  if (state !== 'ready') return null
  const [parts] = await postgres.group(tenantId, [exports.selectParts(id)])
  const keys = await keyring.load(tenantId, [subjectId])
  if (keys.erased(subjectId)) return null
  const documents = openParts(id, parts, keys)
  try {
    await postgres.group(tenantId, [exports.markDownloaded(id, clock.now())])
  } catch (error) {
    if (isStale(error)) return null
    throw error
  }
  return documents
}

async function keep(
  { keyring }: Deps,
  tenantId: string,
  contributed: readonly Contributed[],
): Promise<readonly Statement[]> {
  const keys = await keyring.load(tenantId, [...new Set(contributed.map(({ data }) => data.subjectId))])
  const rows = contributed.flatMap((event): exports.NewPart[] => {
    const { exportId, subjectId, part, parts } = event.data
    if (keys.erased(subjectId)) return []
    const service = event.source.replace('/services/', '')
    const sealed = keys.seal(subjectId, partPlace(exportId, service, part), contentOf(event, keys))
    return [{ exportId, service, part, parts, sealed }]
  })
  return rows.length > 0 ? [exports.insertParts(rows)] : []
}

async function settleDue(deps: Deps): Promise<void> {
  const { postgres, clock } = deps
  const [collecting, over] = await postgres.worker([exports.selectCollecting, exports.selectOver(clock.now())])
  for (const { tenantId, id } of collecting) await announceReady(deps, tenantId, id)
  for (const { tenantId, id } of over) await postgres.group(tenantId, [...exports.endExport(id, clock.now())])
}

async function announceReady({ postgres, clock, ids, wake }: Deps, tenantId: string, id: string): Promise<void> {
  const [[row], arrived] = await postgres.group(tenantId, [exports.selectById(id), exports.selectArrivedOf(id)])
  if (!row || (row.known && !isComplete(arrived))) return
  const readyAt = clock.now()
  const expiresAt = new Date(clock.nowMs() + downloadableMs).toISOString()
  const about = { id: ids.uuid(), time: readyAt, tenantId, causationId: id }
  const ready = exportReady(about, { exportId: id, subjectId: row.subjectId })
  try {
    await postgres.group(tenantId, [exports.markReady(id, readyAt, expiresAt), insertEvents('privacy', [ready])])
    wake()
  } catch (error) {
    if (!isStale(error)) throw error
  }
}

async function ownPart(postgres: Deps['postgres'], tenantId: string, subjectId: string): Promise<Held> {
  const [consents, requests] = await postgres.group(tenantId, [
    statement<Record<string, unknown>>(
      `select purpose, allowed, notice, decided_at as "decidedAt" from privacy.consents where subject_id = $1::uuid order by id`,
      [subjectId],
    ),
    statement<Record<string, unknown>>(
      `select requested_at as "requestedAt", ready_at as "readyAt", downloaded_at as "downloadedAt"
       from privacy.exports where subject_id = $1::uuid order by id`,
      [subjectId],
    ),
  ])
  return { consents, exports: requests }
}

function viewOf(row: exports.ExportRow, arrived: readonly Arrived[], now: string): ExportView {
  const { id, subjectId, requestedAt, dueAt, expiresAt } = row
  const state = stateOf(row, now)
  return { id, subjectId, state, requestedAt, dueAt, expiresAt, contributed: contributedOf(arrived) }
}

function fingerprintOf(keyring: Deps['keyring'], tenantId: string, link: string): string {
  return keyring.fingerprint(tenantId, 'export-link', link)
}

/** Nothing can be sealed for a person who is erased, or was never there. */
function isKnown(keys: Keys, subjectId: string): boolean {
  try {
    keys.seal(subjectId, { field: 'privacy.exports.known', row: subjectId }, '')
    return true
  } catch (error) {
    if (error instanceof KeyErased || error instanceof KeyringUnavailable) return false
    throw error
  }
}

function sealParts(
  exportId: string,
  service: string,
  held: Held,
  to: { keys: Keys; subjectId: string },
): exports.NewPart[] {
  const texts = splitExport(held)
  return texts.map((text, index) => {
    const part = index + 1
    const sealed = to.keys.seal(to.subjectId, partPlace(exportId, service, part), text)
    return { exportId, service, part, parts: texts.length, sealed }
  })
}

/** Sealed for the person, but for audit, which holds no keys. */
function contentOf(event: Contributed, keys: Keys): string {
  const sealed = sealedText.safeParse(event.data.content)
  return sealed.success ? keys.read(sealed.data, eventPlace(event, 'content')) : String(event.data.content)
}

function openParts(exportId: string, parts: readonly exports.PartRow[], keys: Keys): Record<string, Held> {
  const texts = new Map<string, string[]>()
  for (const { service, part, sealed } of parts) {
    texts.set(service, [...(texts.get(service) ?? []), keys.read(sealed, partPlace(exportId, service, part))])
  }
  return Object.fromEntries([...texts].map(([service, list]) => [service, joinExport(list)]))
}
