import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createGatewayClient } from '@csr/stack/gateway-client'
import { verifyAuditLog } from '@csr/stack/verify-audit-log'
import { eventually } from '@csr/testkit/eventually'
import { startForeignServers } from './foreign-servers.ts'
import { countVerdict, passes, type Ledger } from './ledger.ts'
import { compareDeadLetters } from './oracle/dead-letters.ts'
import type { Finding } from './oracle/evidence.ts'
import { compareAnswers } from './oracle/read-answers.ts'
import { RunningRig, type RigParts } from './rig.ts'
import { startRigStack, type RigStack } from './rig-stack.ts'
import type { Scenario } from './scenario.ts'
import { seededRandom } from './seeded-random.ts'
import { openAttemptLog } from './workload/attempt-log.ts'
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
const settledWithinMs = 150_000

/** One run: a stack of its own, load, faults, the wait for the end of all work, and the judgement. */
export async function runScenario(scenario: Scenario, options: RunOptions): Promise<Ledger> {
  const { seed, folder, note } = options
  const startedMs = performance.now()
  mkdirSync(folder, { recursive: true })
  note(`seed ${seed}; starting a stack in ${folder}`)
  using atEnd = new DisposableStack()
  const dataDir = join(folder, 'stack')
  const { foreignServers = false, ...needs } = scenario.stack ?? {}
  await using servers = foreignServers ? await startForeignServers(join(folder, 'servers'), dataDir) : null
  await using stack = await startRigStack(dataDir, { ...needs, env: { ...needs.env, ...servers?.env } })
  await using open = await openRig(stack, {
    ...options,
    perSecond: options.perSecond ?? scenario.perSecond,
    events: options.events ?? scenario.events,
    links: servers?.links ?? null,
    atEnd: (work) => atEnd.defer(work),
  })
  const { rig, companies } = open
  rig.load.start()
  await scenario.run(rig).catch((error: unknown) => {
    rig.require('the scenario comes to its end', false, error instanceof Error ? error.message : String(error))
  })
  await rig.load.finish()
  const finishedMs = performance.now()
  note('load ended; waiting until nothing is under way')
  await rig.settled(settledWithinMs)
  const settledSeconds = (performance.now() - finishedMs) / 1_000
  note('judging')
  const judged = await judgeRun(rig, companies)
  const account = { ...judged, settledSeconds, lastedSeconds: (performance.now() - startedMs) / 1_000 }
  const ledger = closeLedger({ scenario: scenario.name, seed, folder, rig }, account)
  writeFileSync(join(folder, 'ledger.json'), `${JSON.stringify(ledger, null, 2)}\n`)
  return ledger
}

type RigOptions = RunOptions &
  Pick<RigParts, 'links' | 'atEnd'> & { readonly perSecond: number; readonly events: number }

export type OpenRig = AsyncDisposable & { readonly rig: RunningRig; readonly companies: readonly Company[] }

/** A rig on a running stack, with companies of its own; its load is not started yet. */
export async function openRig(stack: RigStack, options: RigOptions): Promise<OpenRig> {
  const { seed, folder, perSecond, events, links, atEnd, note } = options
  const companies = await makeCompanies(stack, companyCount)
  const log = await openAttemptLog(join(folder, 'attempts.jsonl'))
  const random = seededRandom(seed)
  const load = new RunningLoad({
    partners: (answered) => createPartnerSystem({ stack, companies, log, answered }),
    plan: planWorkload(random, companies.length),
    ...{ perSecond, events },
  })
  const tenantIds = companies.map(({ tenantId }) => tenantId)
  const parts = {
    stack,
    load,
    random: random.fork('faults'),
    links,
    folder,
    attemptLog: log.file,
    tenantIds,
    atEnd,
    note,
  }
  return { rig: new RunningRig(parts), companies, [Symbol.asyncDispose]: () => log[Symbol.asyncDispose]() }
}

type Account = Pick<Ledger, 'requests' | 'findings' | 'reports'>

/** Compares the attempt log with the system as it is now, by SQL and by HTTP. */
export async function judgeRun(rig: RunningRig, companies: readonly Company[]): Promise<Account> {
  const { stack, underWay, tenantIds } = rig
  const { asked, promised, effects, effective, standing, ...judged } = await rig.judge()
  const findings = [
    ...judged.findings,
    ...underWay.map(({ place, count }): Finding => {
      return { verdict: 'stuck', report: null, detail: `${count} in ${place}` }
    }),
    ...compareDeadLetters(effects.deadLetters, rig.expected),
    ...(await compareAnswers(stack, companies, standing)),
    ...(await verifyLogs(stack, tenantIds)),
  ]
  return {
    requests: asked,
    findings,
    reports: {
      told: promised.length,
      accepted: promised.filter(({ fate }) => fate === 'accepted').length,
      effective,
      lost: countVerdict(findings, 'lost'),
      duplicated: countVerdict(findings, 'duplicated'),
      stuck: countVerdict(findings, 'stuck'),
      deadLettered: effects.deadLetters.length,
    },
  }
}

/** What `csr audit verify` does, for each company; asked again where the system has just too much to do. */
async function verifyLogs(stack: RigStack, tenantIds: readonly string[]): Promise<Finding[]> {
  const client = createGatewayClient(stack.document.gateway)
  const findings: Finding[] = []
  for (const tenantId of tenantIds) {
    const token = await stack.token({ role: 'auditor', tenantId })
    const { problems } = await eventually(() => verifyAuditLog({ client, token }), { what: `the log of ${tenantId}` })
    findings.push(...problems.map((detail): Finding => ({ verdict: 'lost', report: null, detail })))
  }
  return findings
}

type Run = { readonly scenario: string; readonly seed: number; readonly folder: string; readonly rig: RunningRig }

function closeLedger(
  { scenario, seed, folder, rig }: Run,
  account: Account & Pick<Ledger, 'settledSeconds' | 'lastedSeconds'>,
): Ledger {
  const refused = rig.load.refusedForGood
  rig.require('no signed webhook is refused for good', refused === 0, `${refused} were`)
  const { faults, requirements } = rig
  const ledger = { scenario, seed, folder, faults, requirements, ...account }
  return { ...ledger, passed: passes(ledger) }
}
