import { createScore, type ScoreAnswer } from '@csr/contracts/http/q2q'
import { ProblemError } from '@csr/http/problem'
import { route, type Route } from '@csr/http/route'
import { scoreText } from '../classifier/score-text.ts'
import type { SafetyClient } from '../clients/safety-client.ts'

type Deps = { readonly safety: SafetyClient }

/** Screens and scores a text that belongs to nobody; nothing is kept. */
export function createScoreRoute({ safety }: Deps): Route {
  return route({
    ...createScore,
    async handle({ reach, body, headers, requestId, deadlineMs }) {
      if (reach !== 'tenant') throw new ProblemError('permission-denied')
      const caller = { authorization: headers.authorization, requestId, deadlineMs }
      const { text, policy } = await safety.screen(body.text, caller)
      return { status: 200, body: answerOf(text === null ? { withheld: 'screened-out' } : scoreText(text), policy) }
    },
  })
}

function answerOf(scored: ReturnType<typeof scoreText>, policy: string): ScoreAnswer {
  if ('withheld' in scored) return scored
  const { evidence, ...rest } = scored
  return { ...rest, evidence: [...evidence], policy }
}
