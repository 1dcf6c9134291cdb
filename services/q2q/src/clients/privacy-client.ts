import { createDecisions } from '@csr/contracts/http/privacy'
import type { Purpose } from '@csr/contracts/events/privacy'
import type { Upstream } from '@csr/http/upstream'
import type { Clock } from '@csr/runtime/clock'
import type { Ids } from '@csr/runtime/ids'

/** Asks privacy whose texts may not be scored now. Down or slow, it throws: nobody is scored on a guess. */
export interface PrivacyClient {
  /** those of the people given who refuse; an answer counts for five seconds */
  whoRefuses(tenantId: string, subjectIds: readonly string[]): Promise<ReadonlySet<string>>
}

/** A text is scored only where both its scoring and its counting are allowed. */
const purposes: Purpose[] = ['ai_scoring', 'impact_measurement']

const answerLifeMs = 5_000
const answersMax = 20_000
const askedAtOnceMax = 200

type Answer = { readonly refused: boolean; readonly untilMs: number }
type Deps = { readonly privacy: Pick<Upstream, 'json'>; readonly clock: Clock; readonly ids: Ids }

export function createPrivacyClient({ privacy, clock, ids }: Deps): PrivacyClient {
  const answers = new Map<string, Answer>()

  async function ask(tenantId: string, subjectIds: readonly string[]): Promise<void> {
    const { refused } = await privacy.json(
      {
        method: createDecisions.method,
        path: createDecisions.path,
        requestId: ids.uuid(),
        headers: ['content-type', 'application/json'],
        body: JSON.stringify({ tenantId, purposes, subjectIds }),
      },
      createDecisions.answers[200],
    )
    const refusing = new Set(refused)
    const untilMs = clock.nowMs() + answerLifeMs
    for (const subjectId of subjectIds)
      answers.set(`${tenantId}/${subjectId}`, { refused: refusing.has(subjectId), untilMs })
    for (const key of answers.keys()) {
      if (answers.size <= answersMax) break
      answers.delete(key)
    }
  }

  return {
    async whoRefuses(tenantId, subjectIds) {
      const nowMs = clock.nowMs()
      const unknown = subjectIds.filter((id) => (answers.get(`${tenantId}/${id}`)?.untilMs ?? 0) <= nowMs)
      for (let from = 0; from < unknown.length; from += askedAtOnceMax) {
        await ask(tenantId, unknown.slice(from, from + askedAtOnceMax))
      }
      return new Set(subjectIds.filter((id) => answers.get(`${tenantId}/${id}`)?.refused ?? true))
    },
  }
}
