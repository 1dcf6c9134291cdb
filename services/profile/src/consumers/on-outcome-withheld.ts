import { on, type Handler } from '@csr/messaging/consume'
import type { attachOutcomes } from '../store/outcome-store.ts'

type Deps = { readonly attach: typeof attachOutcomes }

/** A text that may not be scored takes earlier scores away from its activity. */
export function onOutcomeWithheld({ attach }: Deps): Handler {
  return on('q2q.outcome.withheld', async (_tenantId, events) => {
    const decided = events.map(({ id, data }) => {
      const { activityId, subjectId, outcomeId, reportedAt } = data
      return { activityId, subjectId, outcomeId, scores: null, reportedAt, reportedBy: id }
    })
    return { statements: [attach(decided)], events: [] }
  })
}
