import type { EventOf } from '@csr/contracts/events/catalog'
import { createEvent, type About } from '@csr/contracts/events/create-event'
import type {
  DeliveryQuarantined,
  DeliveryRefused,
  EndpointCreated,
  ImportCompleted,
} from '@csr/contracts/events/ingest'
import type { ReportedPerson, SessionCompleted } from '@csr/contracts/events/ingest'
import type { Report } from './domain/translation.ts'

/** The event that announces a report. */
export const reportEventTypes = {
  'session.completed': 'ingest.session.completed.v1',
  'rating.created': 'ingest.feedback.submitted.v1',
  'feedback.submitted': 'ingest.feedback.submitted.v1',
  'course.completed': 'ingest.course.completed.v1',
  'match.created': 'ingest.match.created.v1',
} as const satisfies Record<Report['kind'], `ingest.${string}.v1`>

export type ReportEvent = EventOf<(typeof reportEventTypes)[Report['kind']]>

/** What a report becomes once its people have ids and its personal fields are sealed. */
export type SealedParts = {
  readonly deliveryId: string
  readonly sourceId: string
  readonly people: ReportedPerson[]
  readonly text: SessionCompleted['text']
}

/** `about.subject` is the first person: the participant, author or learner. */
export function reported(report: Report, about: Omit<About, 'causationId'>, parts: SealedParts): ReportEvent {
  const { deliveryId, sourceId, people, text } = parts
  const { partner, reportedAt, occurredAt, precision, programme, rating } = report
  const data = { deliveryId, partner, sourceId, reportedAt, occurredAt, precision, programme, people, rating, text }
  const from = { ...about, causationId: deliveryId }
  switch (report.kind) {
    case 'session.completed': {
      const { details } = report
      return createEvent(reportEventTypes[report.kind], from, { ...data, ...details, topics: [...details.topics] })
    }
    case 'rating.created':
    case 'feedback.submitted': {
      const { kind, details } = report
      return createEvent(reportEventTypes[kind], from, { ...data, kind, ...details })
    }
    case 'course.completed':
      return createEvent(reportEventTypes[report.kind], from, { ...data, ...report.details })
    case 'match.created':
      return createEvent(reportEventTypes[report.kind], from, { ...data, ...report.details })
  }
}

export function deliveryQuarantined(about: Omit<About, 'subject' | 'causationId'>, data: DeliveryQuarantined) {
  const { deliveryId } = data
  return createEvent('ingest.delivery.quarantined.v1', { ...about, subject: deliveryId, causationId: deliveryId }, data)
}

export function deliveryRefused(about: Omit<About, 'subject'>, data: DeliveryRefused) {
  const subject = data.endpointId ?? 'unknown-endpoint'
  return createEvent('ingest.delivery.refused.v1', { ...about, subject }, data)
}

export function endpointCreated(about: Omit<About, 'subject'>, data: EndpointCreated) {
  return createEvent('ingest.endpoint.created.v1', { ...about, subject: data.endpointId }, data)
}

export function importCompleted(about: Omit<About, 'subject' | 'causationId'>, data: ImportCompleted) {
  const { importId } = data
  return createEvent('ingest.import.completed.v1', { ...about, subject: importId, causationId: importId }, data)
}
