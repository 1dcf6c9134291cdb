import { on, type Handler } from '@csr/messaging/consume'
import type { attachOutcomes } from '../store/outcome-store.ts'

type Deps = { readonly attach: typeof attachOutcomes }

/** The scores of a text are shown with the activity it came with. */
export function onOutcomeScored({ attach }: Deps): Handler {
  return on('q2q.outcome.scored', async (_tenantId, events) => {
    const decided = events.map(({ id, data }) => {
      const { activityId, subjectId, outcomeId, scores, reportedAt } = data
      return { activityId, subjectId, outcomeId, scores, reportedAt, reportedBy: id }
    })
    return { statements: [attach(decided)], events: [] }
  })
}
