import type { Partner } from '@csr/contracts/events/ingest'
import type { WebhookAnswer } from '@csr/contracts/http/ingest'
import { KeyErased } from '@csr/keyring/errors'
import type { Keyring } from '@csr/keyring/keyring'
import { insertEvents } from '@csr/messaging/outbox'
import type { Postgres } from '@csr/postgres/connect'
import { isUniqueViolation } from '@csr/postgres/errors'
import { groupCommit } from '@csr/postgres/group-commit'
import type { Clock } from '@csr/runtime/clock'
import type { Ids } from '@csr/runtime/ids'
import type { ReadIdentifiers } from '../domain/read-identifiers.ts'
import type { Reason, Report } from '../domain/translation.ts'
import { deliveryQuarantined } from '../events.ts'
import { commitClaims, type Receipt } from './commit-claims.ts'
import { insertDeliveries, selectDeliveries, selectSeen, type Claim, type ListedRow } from './delivery-statements.ts'
import { sealReport, sourceIdOf } from './seal-report.ts'

/** Where a webhook came in, and what was signed. */
export type SignedDelivery = {
  readonly tenantId: string
  readonly endpointId: string
  readonly partner: Partner
  readonly webhookId: string
  readonly body: Uint8Array
}

/** `otherBytes`: the signed id was used before for a body that is not this one. */
export type Received = WebhookAnswer & { readonly otherBytes: boolean }

export interface DeliveryStore {
  /** Delivery, natural key and event commit together, in one round trip with whatever else this tenant brings now. */
  accept(signed: SignedDelivery, report: Report): Promise<Received>
  /** Keeps a body nobody could translate, sealed under a key of its own, with its reasons. */
  quarantine(
    signed: SignedDelivery,
    why: { reasons: readonly Reason[]; people: readonly ReadIdentifiers[] },
  ): Promise<Received>
  list(tenantId: string, page: { before: string | null; limit: number }): Promise<readonly ListedRow[]>
}

type Deps = {
  readonly postgres: Pick<Postgres, 'group'>
  readonly keyring: Keyring
  readonly clock: Clock
  readonly ids: Ids
  /** called after each commit that wrote an event */
  readonly wakeRelay: () => void
}

const bodyPlace = (deliveryId: string) => ({ field: 'ingest.deliveries.body_sealed', row: deliveryId })

export function createDeliveryStore(deps: Deps): DeliveryStore {
  const { postgres, keyring, clock, ids, wakeRelay } = deps
  const commits = groupCommit<Claim, Receipt>({ run: (tenantId, claims) => commitClaims(postgres, tenantId, claims) })

  /** Keys commit first, data second: a key without data is harmless. */
  async function prepare(signed: SignedDelivery, report: Report): Promise<Claim> {
    const { tenantId } = signed
    const { partner, kind, reportedAt } = report
    const resolved = await keyring.resolveSubjects(tenantId, identifiersOf(report))
    const receivedAt = clock.now()
    const sourceId = sourceIdOf(report, { tenantId, ...resolved }, keyring)
    const who = { tenantId, deliveryId: ids.uuid(), eventId: ids.uuid(), at: receivedAt, sourceId, ...resolved }
    const { event, subjectIds, peopleSealed } = sealReport(report, who, keyring)
    return {
      delivery: {
        ...fingerprints(signed),
        id: who.deliveryId,
        outcome: 'accepted',
        duplicateOf: null,
        kind,
        reportedAt,
        receivedAt,
        eventId: who.eventId,
        subjectIds,
        peopleSealed,
        bodySealed: null,
        reasons: null,
      },
      key: keyring.fingerprintUuid(tenantId, 'natural-key', partner, kind, sourceId),
      content: keyring.fingerprintUuid(tenantId, 'report-content', contentOf(report)),
      event,
    }
  }

  function fingerprints({ tenantId, endpointId, partner, webhookId, body }: SignedDelivery) {
    return {
      endpointId,
      partner,
      signedId: keyring.fingerprintUuid(tenantId, 'webhook-id', endpointId, webhookId),
      bodyFingerprint: keyring.fingerprint(tenantId, 'webhook-body', body),
    }
  }

  async function findSeen(signed: SignedDelivery): Promise<Received | null> {
    const { endpointId, signedId, bodyFingerprint } = fingerprints(signed)
    const [[seen]] = await postgres.group(signed.tenantId, [selectSeen(endpointId, signedId)])
    if (!seen) return null
    return { deliveryId: seen.delivery_id, outcome: 'duplicate', otherBytes: seen.body !== bodyFingerprint }
  }

  return {
    async accept(signed, report) {
      const claim = await prepare(signed, report).catch((error: unknown) => {
        // Erased between resolving and sealing: the same identifiers now stand for nobody, and resolve to a new person.
        if (error instanceof KeyErased) return prepare(signed, report)
        throw error
      })
      const receipt = await commits.submit(signed.tenantId, claim)
      if (receipt.outcome === 'accepted') wakeRelay()
      return receipt
    },
    async quarantine(signed, { reasons, people }) {
      const seen = await findSeen(signed)
      if (seen) return seen
      const { tenantId, endpointId, partner } = signed
      const identifiers = people.map((person) => ({ ...person, partner }))
      const { subjectIds } = await keyring.resolveSubjects(tenantId, identifiers)
      const id = ids.uuid()
      const keys = await keyring.createRecordKeys(tenantId, [id])
      const receivedAt = clock.now()
      const row = {
        ...fingerprints(signed),
        id,
        outcome: 'quarantined',
        duplicateOf: null,
        kind: null,
        reportedAt: null,
        receivedAt,
        eventId: null,
        subjectIds: [...new Set(subjectIds)],
        peopleSealed: [],
        bodySealed: keys.seal(id, bodyPlace(id), Buffer.from(signed.body).toString('utf8')),
        reasons: JSON.stringify(reasons),
      } as const
      const about = { id: ids.uuid(), time: receivedAt, tenantId }
      const event = deliveryQuarantined(about, { deliveryId: id, endpointId, partner, reasons: reasons.length })
      try {
        await postgres.group(tenantId, [insertDeliveries([row]), insertEvents('ingest', [event])])
      } catch (error) {
        if (!isUniqueViolation(error, 'webhook_ids_pkey')) throw error
        await keyring.destroyKeys(tenantId, [id])
        const first = await findSeen(signed)
        if (!first) throw error
        return first
      }
      wakeRelay()
      return { deliveryId: id, outcome: 'quarantined', otherBytes: false }
    },
    async list(tenantId, { before, limit }) {
      const [rows] = await postgres.group(tenantId, [selectDeliveries(before, limit)])
      return rows
    },
  }
}

function identifiersOf({ people, partner }: Report) {
  return people.map(({ email, externalId }) => ({ email, partner, externalId }))
}

/**
 * What a report says, without when the partner said it: a delivery that repeats it under a new time is a duplicate. The
 * order of properties is that of the translation, so equal reports give equal text.
 */
function contentOf(report: Report): string {
  const { reportedAt: _, ...content } = report
  return JSON.stringify(content)
}
