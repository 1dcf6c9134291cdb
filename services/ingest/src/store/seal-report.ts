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

type Who = {
  readonly tenantId: string
  readonly deliveryId: string
  readonly eventId: string
  readonly at: string
  readonly subjectIds: readonly string[]
  readonly keys: Keys
}

export const peoplePlace = (deliveryId: string) => ({ field: 'ingest.deliveries.people_sealed', row: deliveryId })

/** Synchronous: all keys are in memory. Throws `KeyErased` where a person was erased since they were resolved. */
export function sealReport(report: Report, who: Who, keyring: Pick<Keyring, 'fingerprintUuid'>): SealedReport {
  const { tenantId, deliveryId, eventId, keys, subjectIds } = who
  const event = { type: reportEventTypes[report.kind], id: eventId }
  const seal = (subjectId: string, name: string, value: string | null): SealedText | null =>
    value === null ? null : keys.seal(subjectId, eventPlace(event, name), value)

  const people = report.people.map((person, index): ReportedPerson => {
    const subjectId = subjectIds[index] as string
    const { role, email, name, phone, externalId } = person
    return {
      subjectId,
      activityId: activityIdOf(report, tenantId, role, keyring),
      role,
      email: seal(subjectId, 'email', email),
      name: seal(subjectId, 'name', name),
      phone: seal(subjectId, 'phone', phone),
      externalId: seal(subjectId, 'externalId', externalId),
    }
  })
  return {
    event: reported(report, { id: eventId, time: who.at, tenantId }, { deliveryId, people, text: sealText() }),
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

/** One person's part in one thing a partner reported: the same id whichever way and how often it is reported. */
function activityIdOf(
  report: Report,
  tenantId: string,
  role: NamedPerson['role'],
  keyring: Pick<Keyring, 'fingerprintUuid'>,
): string {
  return keyring.fingerprintUuid(tenantId, 'activity', report.partner, report.kind, report.sourceId, role)
}

/** What the report says about one person; free text only with its author. */
function partOf(report: Report, person: NamedPerson, index: number): string {
  const { occurredAt, precision, programme, rating, details } = report
  const text = report.text?.author === index ? report.text.value : null
  return JSON.stringify({ ...person, occurredAt, precision, programme, rating, text, details })
}
