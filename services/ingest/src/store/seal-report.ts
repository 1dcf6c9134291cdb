import type { SealedText } from '@csr/contracts/events/envelope'
import { eventPlace } from '@csr/contracts/events/event-place'
import type { ReportedPerson } from '@csr/contracts/events/ingest'
import type { Keyring } from '@csr/keyring/keyring'
import type { Keys } from '@csr/keyring/keys'
import type { NamedPerson, Report } from '../domain/translation.ts'
import { reported, reportEventTypes, type ReportEvent } from '../events.ts'

/** A report with every personal field sealed twice: for its event, and for the row of its delivery. */
export type SealedReport = {
  readonly event: ReportEvent
  readonly subjectIds: readonly string[]
  /** one per person, what the report says about that person as JSON */
  readonly peopleSealed: readonly SealedText[]
}

/** Who a report is about and which thing it speaks of, once its people are resolved. */
export type ResolvedReport = {
  readonly tenantId: string
  readonly deliveryId: string
  readonly eventId: string
  readonly at: string
  readonly sourceId: string
  readonly subjectIds: readonly string[]
  readonly keys: Keys
}

type Fingerprints = Pick<Keyring, 'fingerprintUuid'>

export const peoplePlace = (deliveryId: string) => ({ field: 'ingest.deliveries.people_sealed', row: deliveryId })

/** The partner's id of the thing reported; where there is none, one that follows from the people and what it is. */
export function sourceIdOf(
  { identity, partner, kind }: Report,
  who: { tenantId: string; subjectIds: readonly string[] },
  keyring: Fingerprints,
): string {
  if (identity.by === 'source') return identity.sourceId
  return keyring.fingerprintUuid(who.tenantId, 'source-id', partner, kind, ...who.subjectIds, ...identity.parts)
}

/** Synchronous: all keys are in memory. Throws `KeyErased` where a person was erased since they were resolved. */
export function sealReport(report: Report, who: ResolvedReport, keyring: Fingerprints): SealedReport {
  const { tenantId, deliveryId, eventId, sourceId, keys, subjectIds } = who
  const event = { type: reportEventTypes[report.kind], id: eventId }
  const seal = (subjectId: string, name: string, value: string | null): SealedText | null =>
    value === null ? null : keys.seal(subjectId, eventPlace(event, name), value)

  const people = report.people.map((person, index): ReportedPerson => {
    const subjectId = subjectIds[index] as string
    const { role, email, name, phone, externalId } = person
    return {
      subjectId,
      // One person's part in one thing: the same id whichever way and how often it is reported.
      activityId: keyring.fingerprintUuid(tenantId, 'activity', report.partner, report.kind, sourceId, role),
      role,
      email: seal(subjectId, 'email', email),
      name: seal(subjectId, 'name', name),
      phone: seal(subjectId, 'phone', phone),
      externalId: seal(subjectId, 'externalId', externalId),
    }
  })
  const about = { id: eventId, time: who.at, tenantId, subject: subjectIds[0] as string }
  return {
    event: reported(report, about, { deliveryId, sourceId, people, text: sealText() }),
    subjectIds,
    peopleSealed: report.people.map((person, index) =>
      keys.seal(subjectIds[index] as string, peoplePlace(deliveryId), partOf(report, person, index)),
    ),
  }

  function sealText(): ReportEvent['data']['text'] {
    const author = report.text && people[report.text.author]
    if (!author || !report.text) return null
    const { subjectId: authorId, activityId } = author
    return { authorId, activityId, sealed: keys.seal(authorId, eventPlace(event, 'text'), report.text.value) }
  }
}

/** What the report says about one person; free text only with its author. */
function partOf(report: Report, person: NamedPerson, index: number): string {
  const { occurredAt, precision, programme, rating, details } = report
  const text = report.text?.author === index ? report.text.value : null
  const kept = index === 0 ? report.kept : null
  return JSON.stringify({ ...person, occurredAt, precision, programme, rating, text, details, kept })
}
