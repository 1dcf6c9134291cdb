import { ecornellPropertyNames, ecornellWebhook, type EcornellCourse } from '@csr/contracts/partners/upskilling'
import { namedPerson } from './named-person.ts'
import { parsePartnerBody } from './parse-partner-body.ts'
import { precisionOf, toInstant } from './reported-time.ts'
import type { CourseReport, Translation } from './translation.ts'

const provider = 'ecornell'

/** An eCornell webhook body in our words. A course has no id of its own: person, provider, course and status are one. */
export function translateEcornell(body: unknown, endpointProgramme: string | null): Translation {
  const parsed = parsePartnerBody(body, { schema: ecornellWebhook, propertyNames: ecornellPropertyNames })
  if (parsed.outcome === 'misshapen') return parsed
  return { outcome: 'report', report: courseReport(parsed.body, endpointProgramme) }
}

function courseReport(completed: EcornellCourse, programme: string | null): CourseReport {
  const { course, progress, certificate } = completed
  const occurred = progress?.completed_at ?? completed.timestamp
  const instantOf = (time: string | null | undefined): string | null => (time ? toInstant(time) : null)
  return {
    kind: 'course.completed',
    partner: 'upskilling',
    identity: { by: 'people', parts: [provider, course.course_id, 'completed'] },
    reportedAt: toInstant(completed.timestamp),
    occurredAt: toInstant(occurred),
    precision: precisionOf(occurred),
    programme,
    people: [learnerOf(completed.user)],
    rating: null,
    text: null,
    details: {
      provider,
      course: { id: course.course_id, name: course.course_name, url: course.course_url ?? null },
      startedAt: instantOf(progress?.started_at),
      completedAt: instantOf(progress?.completed_at),
      percentComplete: progress?.percent_complete ?? null,
      score: null,
      certificateIssuedAt: instantOf(certificate?.issued_at),
    },
    // Its id and address lead to the person's name.
    kept: certificate
      ? { certificateId: certificate.certificate_id ?? null, certificateUrl: certificate.certificate_url ?? null }
      : null,
  }
}

function learnerOf({ email, external_id, first_name, last_name }: EcornellCourse['user']) {
  const name = [first_name?.trim(), last_name?.trim()].filter(Boolean).join(' ')
  return namedPerson('learner', { email, name, externalId: external_id })
}
