import { listActivities, searchProfiles, type Activity } from '@csr/contracts/http/profile'
import { listOutcomes } from '@csr/contracts/http/q2q'
import { createCompanyClient } from '@csr/stack/company-client'
import { fewAtATime } from '@csr/stack/persist'
import type { RigStack } from '../rig-stack.ts'
import type { Company } from '../workload/companies.ts'
import type { Report } from '../workload/report.ts'
import type { Finding } from './evidence.ts'

const peopleAtOnce = 4

/**
 * Asks the gateway, as staff of each company do, for everybody who was reported, and compares with what stands of each
 * thing: no activity missing, none twice, none of another company, each with the latest mark and, where it came with a
 * text, one outcome.
 */
export async function compareAnswers(
  stack: RigStack,
  companies: readonly Company[],
  standing: readonly Report[],
): Promise<Finding[]> {
  const findings: Finding[] = []
  for (const [place, { tenantId }] of companies.entries()) {
    const client = createCompanyClient(stack.document.gateway, tenantId, AbortSignal.timeout(answersWithinMs))
    const expected = expectedOf(standing.filter(({ company }) => company === place))
    await fewAtATime([...expected], peopleAtOnce, async ([email, lines]) => {
      const { items } = await client.ask(searchProfiles, { body: { email } })
      const [profile] = items
      if (items.length > 1) findings.push(finding('duplicated', email, `${items.length} profiles`))
      if (!profile) return void findings.push(finding('lost', email, 'no profile'))
      const params = { id: profile.id }
      const activities = await client.all(listActivities, { params })
      const outcomes = await client.all(listOutcomes, { params })
      const withOutcome = outcomes.map(({ activityId }) => activityId)
      const shown = activities.map((activity) => lineOf(activity, withOutcome))
      findings.push(...differences(email, lines, shown))
    })
  }
  return findings
}

const answersWithinMs = 120_000

/** One line per activity that a person should have, by e-mail. */
function expectedOf(standing: readonly Report[]): Map<string, string[]> {
  const expected = new Map<string, string[]>()
  for (const { kind, thing, people, mark, text } of standing) {
    for (const [place, { role, email }] of people.entries()) {
      const outcomes = text !== null && place === 0 ? 1 : 0
      const line = describe({ kind, thing, role, mark, outcomes })
      expected.set(email, [...(expected.get(email) ?? []), line])
    }
  }
  return expected
}

function lineOf({ id, kind, sourceId, role, details }: Activity, withOutcome: readonly string[]): string {
  const course = details['course'] as { readonly id: string } | undefined
  const mark = Math.round(Number(details['percentComplete'] ?? Number(details['rating']) * 100))
  const outcomes = withOutcome.filter((activityId) => activityId === id).length
  return describe({ kind, thing: course?.id ?? sourceId, role, mark, outcomes })
}

type Line = { kind: string; thing: string; role: string; mark: number; outcomes: number }

const describe = ({ kind, thing, role, mark, outcomes }: Line): string =>
  `${kind} ${thing} as ${role}, mark ${mark}, ${outcomes} outcomes`

function differences(email: string, expected: readonly string[], shown: readonly string[]): Finding[] {
  const left = [...shown]
  const missing = expected.filter((line) => {
    const at = left.indexOf(line)
    if (at >= 0) left.splice(at, 1)
    return at < 0
  })
  return [
    ...missing.map((line) => finding('lost', email, `the gateway does not show: ${line}`)),
    ...left.map((line) => finding('duplicated', email, `the gateway shows beyond what is: ${line}`)),
  ]
}

function finding(verdict: Finding['verdict'], email: string, detail: string): Finding {
  return { verdict, report: null, detail: `${email}: ${detail}` }
}
