import { createScreening } from '@csr/contracts/http/safety'
import { route, type Route } from '@csr/http/route'
import { policyVersion, screenText } from '../domain/screen-text.ts'

/** Screens a text that belongs to nobody: nothing is kept. */
export function createScreeningRoute(): Route {
  return route({
    ...createScreening,
    async handle({ body }) {
      const { verdict, reasons, text } = screenText(body.text)
      return { status: 200, body: { verdict, reasons: [...reasons], policy: policyVersion, text } }
    },
  })
}
