import type { CourseCompletionRow } from '@csr/contracts/imports/upskilling-course-completion'
import { namedPerson } from './named-person.ts'
import { precisionOf, toInstant } from './reported-time.ts'
import type { CourseReport } from './translation.ts'

/** A row of `upskilling.course-completion@1.0` in our words. A course has no id: person, provider, course and status are one. */
export function translateCourseCompletionRow(row: CourseCompletionRow, arrivedAt: string): CourseReport {
  const completedAt = toInstant(row.completed_at)
  return {
    kind: 'course.completed',
    partner: 'upskilling',
    identity: { by: 'people', parts: [row.provider, row.course_id, 'completed'] },
    reportedAt: arrivedAt,
    occurredAt: completedAt,
    precision: precisionOf(row.completed_at),
    programme: null,
    people: [namedPerson('learner', { email: row.user_email })],
    rating: null,
    text: null,
    details: {
      provider: row.provider,
      course: { id: row.course_id, name: row.course_name, url: null },
      startedAt: null,
      completedAt,
      percentComplete: null,
      score: row.final_score,
      certificateIssuedAt: null,
    },
    // it leads to the person's name
    kept: row.credential_ref ? { credentialRef: row.credential_ref } : null,
  }
}
