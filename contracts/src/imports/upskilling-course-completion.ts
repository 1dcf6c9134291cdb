import { z } from 'zod'
import { email, number, optional, text, when } from './cells.ts'

/** `upskilling.course-completion@1.0` */
export const courseCompletionRow = z.object({
  user_email: email,
  provider: text(100),
  course_id: text(200),
  course_name: text(300),
  completed_at: when,
  final_score: optional(number(0, 100)).default(null),
  credential_ref: optional(z.string().max(500)).default(null),
})
export type CourseCompletionRow = z.output<typeof courseCompletionRow>
