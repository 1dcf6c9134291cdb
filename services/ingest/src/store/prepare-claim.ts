import type { Partner } from '@csr/contracts/events/ingest'
import type { Lane } from '@csr/contracts/streams'
import { KeyErased } from '@csr/keyring/errors'
import type { Keyring } from '@csr/keyring/keyring'
import type { Clock } from '@csr/runtime/clock'
import type { Ids } from '@csr/runtime/ids'
import type { Report } from '../domain/translation.ts'
import type { Claim } from './delivery-statements.ts'
import { sealReport, sourceIdOf } from './seal-report.ts'

/** Where a webhook came in, and what was signed. */
export type SignedDelivery = {
  readonly tenantId: string
  readonly endpointId: string
  readonly partner: Partner
  readonly webhookId: string
  readonly body: Uint8Array
}

type Deps = { readonly keyring: Keyring; readonly clock: Clock; readonly ids: Ids }

/** Resolves and seals: keys commit first, data second, and a key without data is harmless. */
export async function prepareClaim(deps: Deps, signed: SignedDelivery, report: Report, lane: Lane): Promise<Claim> {
  try {
    return { ...(await claimOf(deps, signed, report)), lane }
  } catch (error) {
    // Erased between resolving and sealing: the same identifiers now stand for nobody, and resolve to a new person.
    if (error instanceof KeyErased) return { ...(await claimOf(deps, signed, report)), lane }
    throw error
  }
}

async function claimOf(
  { keyring, clock, ids }: Deps,
  signed: SignedDelivery,
  report: Report,
): Promise<Omit<Claim, 'lane'>> {
  const { tenantId } = signed
  const { partner, kind, reportedAt, people } = report
  const identifiers = people.map(({ email, externalId }) => ({ email, partner, externalId }))
  const { subjectIds, keys } = await keyring.resolveSubjects(tenantId, identifiers)
  const [deliveryId, eventId, at] = [ids.uuid(), ids.uuid(), clock.now()]
  const sourceId = sourceIdOf(report, { tenantId, subjectIds }, keyring)
  const resolved = { tenantId, deliveryId, eventId, at, sourceId, subjectIds, keys }
  const { event, peopleSealed } = sealReport(report, resolved, keyring)
  return {
    delivery: {
      ...fingerprintsOf(signed, keyring),
      id: deliveryId,
      outcome: 'accepted',
      duplicateOf: null,
      kind,
      reportedAt,
      receivedAt: at,
      eventId,
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

/** What is kept of a signed request for five years: HMACs that say whether it was here before. */
export function fingerprintsOf(
  { tenantId, endpointId, partner, webhookId, body }: SignedDelivery,
  keyring: Pick<Keyring, 'fingerprint' | 'fingerprintUuid'>,
) {
  return {
    endpointId,
    partner,
    signedId: keyring.fingerprintUuid(tenantId, 'webhook-id', endpointId, webhookId),
    bodyFingerprint: keyring.fingerprint(tenantId, 'webhook-body', body),
  }
}

/**
 * What a report says, without when the partner said it: a delivery that repeats it under a new time is a duplicate. The
 * order of properties is that of the translation, so equal reports give equal text.
 */
export function contentOf(report: Report): string {
  const { reportedAt: _, ...content } = report
  return JSON.stringify(content)
}
