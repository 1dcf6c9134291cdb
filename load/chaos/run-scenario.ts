import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createGatewayClient } from '@csr/stack/gateway-client'
import { verifyAuditLog } from '@csr/stack/verify-audit-log'
import { countVerdict, passes, type Ledger } from './ledger.ts'
import { compareDeadLetters } from './oracle/dead-letters.ts'
import type { Finding } from './oracle/evidence.ts'
import { judge } from './oracle/judge.ts'
import { readPromises } from './oracle/promises.ts'
import { compareAnswers } from './oracle/read-answers.ts'
import { readEffects } from './oracle/read-effects.ts'
import { RunningRig } from './rig.ts'
import { startRigStack, type RigStack } from './rig-stack.ts'
import type { Scenario } from './scenario.ts'
import { seededRandom } from './seeded-random.ts'
import { openAttemptLog, readAttempts, type AttemptLog } from './workload/attempt-log.ts'
import { makeCompanies, type Company } from './workload/companies.ts'
import { RunningLoad } from './workload/load.ts'
import { createPartnerSystem } from './workload/partner.ts'
import { planWorkload } from './workload/plan.ts'

export type RunOptions = {
  readonly seed: number
  /** kept: the attempt log, the ledger and the stack's data */
  readonly folder: string
  readonly events?: number
  readonly perSecond?: number
  readonly note: (text: string) => void
}

const companyCount = 2
/** After the last fault and the last webhook everything has to be effective within this time. */
const settledWithinMs = 120_000

/** One run: a stack of its own, load, faults, the wait for the end of all work, and the judgement. */
export async function runScenario(scenario: Scenario, options: RunOptions): Promise<Ledger> {
  const { seed, folder, note } = options
  const startedMs = performance.now()
  mkdirSync(folder, { recursive: true })
  note(`seed ${seed}; starting a stack in ${folder}`)
  await using stack = await startRigStack(join(folder, 'stack'), scenario.stack)
  const companies = await makeCompanies(stack, companyCount)
  await using log = await openAttemptLog(join(folder, 'attempts.jsonl'))
  const rig = openRig({ stack, companies, log, scenario, options })
  rig.load.start()
  await scenario.run(rig)
  await rig.load.finish()
  const finishedMs = performance.now()
  note('load ended; waiting until nothing is under way')
  await rig.settled(settledWithinMs)
  const settledSeconds = (performance.now() - finishedMs) / 1_000
  note('judging')
  const judged = await judgeRun(rig, companies, log)
  const account = { ...judged, settledSeconds, lastedSeconds: (performance.now() - startedMs) / 1_000 }
  const ledger = closeLedger({ scenario: scenario.name, seed, folder, rig }, account)
  writeFileSync(join(folder, 'ledger.json'), `${JSON.stringify(ledger, null, 2)}\n`)
  return ledger
}

type Open = {
  readonly stack: RigStack
  readonly companies: readonly Company[]
  readonly log: AttemptLog
  readonly scenario: Pick<Scenario, 'perSecond' | 'events'>
  readonly options: Pick<RunOptions, 'seed' | 'events' | 'perSecond' | 'note'>
}

/** A rig on a running stack; its load is not started yet. */
export function openRig({ stack, companies, log, scenario, options }: Open): RunningRig {
  const random = seededRandom(options.seed)
  const load = new RunningLoad({
    partners: (answered) => createPartnerSystem({ stack, companies, log, answered }),
    plan: planWorkload(random, companies.length),
    perSecond: options.perSecond ?? scenario.perSecond,
    events: options.events ?? scenario.events,
  })
  return new RunningRig({ stack, companies, load, random: random.fork('faults'), note: options.note })
}

type Judged = Pick<Ledger, 'requests' | 'findings'> & { readonly reports: Ledger['reports'] }

/** Compares the attempt log with the system as it is now, by SQL and by HTTP. */
export async function judgeRun(rig: RunningRig, companies: readonly Company[], log: AttemptLog): Promise<Judged> {
  const { stack, underWay } = rig
  const tenantIds = companies.map(({ tenantId }) => tenantId)
  const { promised, asked } = readPromises(readAttempts(log.file))
  const effects = await stack.ask((sql) => readEffects(sql, tenantIds))
  const judged = judge({ promised, tenantIds, effects, underWay })
  const findings = [
    ...judged.findings,
    ...underWay.map(({ place, count }): Finding => {
      return { verdict: 'stuck', report: null, detail: `${count} in ${place}` }
    }),
    ...compareDeadLetters(effects.deadLetters, rig.expected),
    ...(await compareAnswers(stack, companies, judged.standing)),
    ...(await verifyLogs(stack, tenantIds)),
  ]
  return {
    requests: asked,
    findings,
    reports: {
      told: promised.length,
      accepted: promised.filter(({ fate }) => fate === 'accepted').length,
      effective: judged.effective,
      lost: countVerdict(findings, 'lost'),
      duplicated: countVerdict(findings, 'duplicated'),
      stuck: countVerdict(findings, 'stuck'),
      deadLettered: effects.deadLetters.length,
    },
  }
}

/** What `csr audit verify` does, for each company. */
async function verifyLogs(stack: RigStack, tenantIds: readonly string[]): Promise<Finding[]> {
  const client = createGatewayClient(stack.document.gateway)
  const findings: Finding[] = []
  for (const tenantId of tenantIds) {
    const token = await stack.token({ role: 'auditor', tenantId })
    const { problems } = await verifyAuditLog({ client, token })
    findings.push(...problems.map((detail): Finding => ({ verdict: 'lost', report: null, detail })))
  }
  return findings
}

type Run = { readonly scenario: string; readonly seed: number; readonly folder: string; readonly rig: RunningRig }

function closeLedger(
  { scenario, seed, folder, rig }: Run,
  account: Judged & Pick<Ledger, 'settledSeconds' | 'lastedSeconds'>,
): Ledger {
  const refused = rig.load.refusedForGood
  rig.require('no signed webhook is refused for good', refused === 0, `${refused} were`)
  const { faults, requirements } = rig
  const ledger = { scenario, seed, folder, faults, requirements, ...account }
  return { ...ledger, passed: passes(ledger) }
}
