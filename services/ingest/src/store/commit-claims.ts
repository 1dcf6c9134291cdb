import { insertEvents } from '@csr/messaging/outbox'
import type { Postgres } from '@csr/postgres/connect'
import { isStale, isUniqueViolation } from '@csr/postgres/errors'
import type { Statement } from '@csr/postgres/statement'
import { decideReport } from '../domain/decide-report.ts'
import { claimReports, insertDeliveries, updateNaturalKey, type Claim, type KnownRow } from './delivery-statements.ts'

/** `otherBytes`: the signed id was used before for a body that is not this one. */
export type Receipt = {
  readonly deliveryId: string
  readonly outcome: 'accepted' | 'duplicate'
  readonly otherBytes: boolean
}

/**
 * Commits claims of one tenant and answers for each, in their order. What is new takes one round trip for all of them;
 * what turns out to be known takes a second one for its correction, or for the record of a duplicate. Copies inside the
 * batch are answered from the first of them.
 */
export async function commitClaims(
  postgres: Pick<Postgres, 'group'>,
  tenantId: string,
  claims: readonly Claim[],
): Promise<readonly Receipt[]> {
  const receipts = new Map<Claim, Receipt>()
  const firsts = new Map<string, Claim>()
  const copies: Claim[] = []
  for (const claim of claims) {
    if (firsts.has(signedIdOf(claim))) copies.push(claim)
    else firsts.set(signedIdOf(claim), claim)
  }
  let waiting = [...firsts.values()]
  while (waiting.length > 0) {
    const { wave, rest } = nextWave(waiting)
    for (const [claim, receipt] of await commitWave(postgres, tenantId, wave)) receipts.set(claim, receipt)
    waiting = rest
  }
  for (const copy of copies) receipts.set(copy, receiptOfCopy(copy, firsts, receipts))
  return claims.map((claim) => receipts.get(claim) as Receipt)
}

const signedIdOf = ({ delivery }: Claim): string => `${delivery.endpointId}/${delivery.signedId}`

/** One claim per natural key; the others wait for what it changes. In order of the keys, as all who lock them. */
function nextWave(claims: readonly Claim[]): { wave: Claim[]; rest: Claim[] } {
  const wave = new Map<string, Claim>()
  const rest: Claim[] = []
  for (const claim of claims) {
    if (wave.has(claim.key)) rest.push(claim)
    else wave.set(claim.key, claim)
  }
  return { wave: [...wave.values()].toSorted((one, other) => (one.key < other.key ? -1 : 1)), rest }
}

function receiptOfCopy(
  copy: Claim,
  firsts: ReadonlyMap<string, Claim>,
  receipts: ReadonlyMap<Claim, Receipt>,
): Receipt {
  const first = firsts.get(signedIdOf(copy)) as Claim
  const { deliveryId } = receipts.get(first) as Receipt
  const otherBytes = first.delivery.bodyFingerprint !== copy.delivery.bodyFingerprint
  return { deliveryId, outcome: 'duplicate', otherBytes }
}

const attemptsMax = 3

async function commitWave(
  postgres: Pick<Postgres, 'group'>,
  tenantId: string,
  wave: readonly Claim[],
): Promise<Map<Claim, Receipt>> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const [known] = await postgres.group(tenantId, [claimReports(wave)])
      const rows = new Map(known.map((row) => [row.id, row]))
      const settled = wave.map((claim) => settle(claim, rows.get(claim.delivery.id) as KnownRow))
      const statements = settled.flatMap((entry) => entry.statements)
      if (statements.length > 0) await postgres.group(tenantId, statements)
      return new Map(wave.map((claim, index) => [claim, (settled[index] as Settled).receipt]))
    } catch (error) {
      // Another instance was faster; alone, a claim reads again what that one wrote. In company it is repeated alone.
      const isBeaten = isStale(error) || isUniqueViolation(error)
      if (!isBeaten || wave.length > 1 || attempt === attemptsMax) throw error
    }
  }
}

type Settled = { readonly receipt: Receipt; readonly statements: readonly Statement[] }

function settle(claim: Claim, row: KnownRow): Settled {
  const { delivery, content, key, event, lane } = claim
  const accepted = { deliveryId: delivery.id, outcome: 'accepted', otherBytes: false } as const
  if (row.seen_id !== null) {
    // This very claim, committed before the rest of its batch had to be repeated.
    if (row.seen_id === delivery.id) return { receipt: accepted, statements: [] }
    const otherBytes = row.seen_body !== delivery.bodyFingerprint
    return { receipt: { deliveryId: row.seen_id, outcome: 'duplicate', otherBytes }, statements: [] }
  }
  if (row.version === null) return { receipt: accepted, statements: [] }
  const decision = decideReport(knownReport(row), { content, reportedAt: delivery.reportedAt, deliveryId: delivery.id })
  if (decision.outcome === 'duplicate') {
    const { deliveryId } = decision
    const duplicate = { ...delivery, outcome: 'duplicate', duplicateOf: deliveryId, eventId: null } as const
    return {
      receipt: { deliveryId, outcome: 'duplicate', otherBytes: false },
      statements: [insertDeliveries([{ ...duplicate, subjectIds: [], peopleSealed: [] }])],
    }
  }
  return {
    receipt: accepted,
    statements: [
      updateNaturalKey(key, row.version, decision.next),
      insertDeliveries([delivery]),
      insertEvents('ingest', [event], lane),
    ],
  }
}

/** A row of natural keys as the rule of duplicates reads it. */
export function knownReport(row: Omit<KnownRow, 'id' | 'seen_id' | 'seen_body' | 'version'>) {
  return {
    content: row.content,
    reportedAt: row.reported_at,
    deliveryId: row.delivery_id,
    earlier: row.earlier_contents.map((content, index) => ({
      content,
      deliveryId: row.earlier_delivery_ids[index] as string,
    })),
  }
}
