import { getProblem } from '@csr/contracts/http/gateway'
import { problems, type ProblemCode } from '@csr/contracts/problems'
import { ProblemError } from '@csr/http/problem'
import { route, type Route } from '@csr/http/route'

export function getProblemRoute(): Route {
  return route({
    ...getProblem,
    async handle({ params }) {
      if (!Object.hasOwn(problems, params.code)) throw new ProblemError('resource-not-found')
      const { title, status, explanation } = problems[params.code as ProblemCode]
      return { status: 200, body: { type: `/problems/${params.code}`, title, status, explanation } }
    },
  })
}
