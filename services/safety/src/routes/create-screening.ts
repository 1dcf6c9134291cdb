import { createScreening } from '@csr/contracts/http/safety'
import { reachOf } from '@csr/contracts/permissions'
import { ProblemError } from '@csr/http/problem'
import { route, type Route } from '@csr/http/route'
import { policyVersion, screenText } from '../domain/screen-text.ts'

/** Screens a text that belongs to nobody: nothing is kept. q2q asks for whoever may have a text scored. */
export function createScreeningRoute(): Route {
  return route({
    ...createScreening,
    async handle({ body, caller, principal }) {
      const mayAsk = caller === 'q2q' || reachOf(principal.roles, 'safety:review') === 'tenant'
      if (!mayAsk) throw new ProblemError('permission-denied')
      const { verdict, reasons, text } = screenText(body.text)
      return { status: 200, body: { verdict, reasons: [...reasons], policy: policyVersion, text } }
    },
  })
}
