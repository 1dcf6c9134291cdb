import type { Keyring } from '@csr/keyring/keyring'
import { insertEvents } from '@csr/messaging/outbox'
import type { Postgres } from '@csr/postgres/connect'
import { isUniqueViolation } from '@csr/postgres/errors'
import type { Clock } from '@csr/runtime/clock'
import type { Ids } from '@csr/runtime/ids'
import type { ReadIdentifiers } from '../domain/read-identifiers.ts'
import type { Reason } from '../domain/translation.ts'
import { deliveryQuarantined } from '../events.ts'
import { insertDeliveries, selectSeen } from './delivery-statements.ts'
import { fingerprintsOf, type SignedDelivery } from './prepare-claim.ts'

/** What is wrong with a body, and who can be read in it. */
export type Misshapen = { readonly reasons: readonly Reason[]; readonly people: readonly ReadIdentifiers[] }

export type Kept = {
  readonly deliveryId: string
  readonly outcome: 'quarantined' | 'duplicate'
  readonly otherBytes: boolean
}

type Deps = {
  readonly postgres: Pick<Postgres, 'group'>
  readonly keyring: Keyring
  readonly clock: Clock
  readonly ids: Ids
}

const bodyPlace = (deliveryId: string) => ({ field: 'ingest.deliveries.body_sealed', row: deliveryId })

/** Keeps the body as it came, sealed under a key of its own that goes with the row, linked to whom it names. */
export async function keepQuarantined(deps: Deps, signed: SignedDelivery, misshapen: Misshapen): Promise<Kept> {
  const { postgres, keyring, clock, ids } = deps
  const { tenantId, endpointId, partner } = signed
  const seen = await findSeen(deps, signed)
  if (seen) return seen
  const identifiers = misshapen.people.map((person) => ({ ...person, partner }))
  const { subjectIds } = await keyring.resolveSubjects(tenantId, identifiers)
  const [id, receivedAt] = [ids.uuid(), clock.now()]
  const keys = await keyring.createRecordKeys(tenantId, [id])
  const row = {
    ...fingerprintsOf(signed, keyring),
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
    reasons: JSON.stringify(misshapen.reasons),
  } as const
  const about = { id: ids.uuid(), time: receivedAt, tenantId }
  const event = deliveryQuarantined(about, { deliveryId: id, endpointId, partner, reasons: misshapen.reasons.length })
  try {
    await postgres.group(tenantId, [insertDeliveries([row]), insertEvents('ingest', [event])])
    return { deliveryId: id, outcome: 'quarantined', otherBytes: false }
  } catch (error) {
    if (!isUniqueViolation(error, 'webhook_ids_pkey')) throw error
    await keyring.destroyKeys(tenantId, [id])
    const first = await findSeen(deps, signed)
    if (first) return first
    throw error
  }
}

async function findSeen({ postgres, keyring }: Deps, signed: SignedDelivery): Promise<Kept | null> {
  const { endpointId, signedId, bodyFingerprint } = fingerprintsOf(signed, keyring)
  const [[seen]] = await postgres.group(signed.tenantId, [selectSeen(endpointId, signedId)])
  if (!seen) return null
  return { deliveryId: seen.delivery_id, outcome: 'duplicate', otherBytes: seen.body !== bodyFingerprint }
}
