import { createFirewallExplanation, type FirewallExplanation } from '@csr/contracts/http/firewall'
import { parseJson } from '@csr/http/json'
import { ProblemError } from '@csr/http/problem'
import { route, type Route } from '@csr/http/route'
import type { Described, Finding, Firewall } from '../firewall/firewall.ts'
import { families } from '../firewall/rules.ts'

type Deps = { readonly firewall: Firewall; readonly operations: readonly Described[] }

/** Tells operators why something was refused. Not screened itself: its content is an attack as a rule. */
export function createFirewallExplanationRoute({ firewall, operations }: Deps): Route {
  return route({
    ...createFirewallExplanation,
    async handle({ body }) {
      const { content, route: asked } = body
      const operation = asked && findOperation(operations, asked)
      if (asked && !operation) throw new ProblemError('resource-not-found', { detail: 'There is no such route.' })
      const findings = operation
        ? firewall.explain(operation, { params: {}, query: {}, body: contentFor(operation, content) })
        : [firewall.explainText(content)]
      const decision = decide(findings, firewall.mode === 'block' && typeof operation?.body !== 'string')
      return { status: 200, body: { mode: firewall.mode, decision, fields: findings.map(describeFor(firewall)) } }
    },
  })
}

/** A file is looked at line by line, everything else is JSON. */
function contentFor({ body }: Described, content: string): unknown {
  return body === 'stream' ? content.split('\n') : parseJson(Buffer.from(content))
}

function decide(findings: readonly Finding[], refuses: boolean): FirewallExplanation['decision'] {
  if (findings.every(({ reached }) => reached.length === 0)) return 'pass'
  return refuses ? 'refuse' : 'observe'
}

function findOperation(
  operations: readonly Described[],
  { method, path }: { readonly method: string; readonly path: string },
): Described | undefined {
  const wanted = path.split('/')
  return operations.find((operation) => {
    const pattern = operation.path.split('/')
    const fits = (part: string, at: number): boolean => part === wanted[at] || part.startsWith(':')
    return operation.method === method.toUpperCase() && pattern.length === wanted.length && pattern.every(fits)
  })
}

function describeFor({ thresholds }: Firewall): (finding: Finding) => FirewallExplanation['fields'][number] {
  return ({ field, screened, scores, matches }) => ({
    field,
    screened,
    scores: families.flatMap((family) => {
      const score = scores[family]
      return score === undefined ? [] : [{ family, score, threshold: thresholds[family] }]
    }),
    rules: matches.map(({ rule, reading, excerpt, excluded }) => {
      const { id, family, weight, reason } = rule
      return { id, family, weight, reason, reading, excerpt, excluded }
    }),
  })
}
