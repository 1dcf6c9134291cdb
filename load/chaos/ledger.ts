import type { FaultRow } from './fault.ts'
import type { Asked } from './oracle/promises.ts'
import type { Finding } from './oracle/evidence.ts'

/** A condition of a scenario beyond "nothing lost, duplicated or stuck". */
export type Requirement = { readonly what: string; readonly holds: boolean; readonly saw: string }

/** What a run proves or disproves. */
export type Ledger = {
  readonly scenario: string
  readonly seed: number
  readonly requests: Asked
  readonly reports: {
    readonly told: number
    readonly accepted: number
    /** took their whole effect, each part once; may be more than accepted: some took effect though no answer came */
    readonly effective: number
    readonly lost: number
    readonly duplicated: number
    readonly stuck: number
    readonly deadLettered: number
  }
  readonly faults: readonly FaultRow[]
  readonly requirements: readonly Requirement[]
  readonly findings: readonly Finding[]
  /** from the last fault's end until nothing was under way */
  readonly settledSeconds: number
  readonly lastedSeconds: number
  /** where the attempt log is, and what the system kept; gone at the end unless asked for */
  readonly folder: string | null
  readonly passed: boolean
}

/** How many different reports (or, of what belongs to none, findings) have this verdict. */
export function countVerdict(findings: readonly Finding[], verdict: Finding['verdict']): number {
  const told = findings.filter((one) => one.verdict === verdict)
  const reports = new Set(told.flatMap(({ report }) => report ?? []))
  return reports.size + told.filter(({ report }) => report === null).length
}

export function passes({ findings, faults, requirements }: Omit<Ledger, 'passed'>): boolean {
  return (
    findings.length === 0 &&
    faults.every(({ outcome }) => outcome !== 'not recovered') &&
    requirements.every(({ holds }) => holds)
  )
}

const findingsShown = 20

/** The ledger for a person. */
export function describeLedger(ledger: Ledger): string {
  const { requests, reports, faults, requirements, findings } = ledger
  const lines = [
    `chaos ${ledger.scenario}, seed ${ledger.seed}, ${ledger.lastedSeconds.toFixed(0)} s`,
    '',
    row('requests', requests),
    row('reports', reports),
    '',
    'fault                                     at s   held s   recovered after s',
    ...faults.map(describeFault),
    '',
    ...requirements.map(({ what, holds, saw }) => `${holds ? 'holds' : 'BROKEN'}: ${what} (${saw})`),
    ...findings.slice(0, findingsShown).map(describeFinding),
    ...(findings.length > findingsShown
      ? [`and ${findings.length - findingsShown} findings more (--json has all)`]
      : []),
    `settled ${ledger.settledSeconds.toFixed(1)} s after the load`,
    ...(ledger.folder === null ? [] : [`attempt log and data: ${ledger.folder}`]),
    `${ledger.passed ? 'PASSED' : 'FAILED'}: ${reports.lost} lost, ${reports.duplicated} duplicated, ${reports.stuck} stuck`,
  ]
  return `${lines.filter((line, at) => line !== '' || lines[at - 1] !== '').join('\n')}\n`
}

function row(title: string, counts: Readonly<Record<string, number>>): string {
  return `${title.padEnd(9)} ${Object.entries(counts)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ')}`
}

function describeFault({ fault, outcome, atSeconds, heldSeconds, recoverySeconds, reason }: FaultRow): string {
  const name = fault.padEnd(40)
  if (outcome === 'not run') return `${name} not run: ${reason}`
  const times = `${atSeconds.toFixed(1).padStart(6)} ${heldSeconds.toFixed(1).padStart(8)}`
  return `${name} ${times}   ${outcome === 'recovered' ? (recoverySeconds ?? 0).toFixed(1).padStart(17) : `NOT RECOVERED: ${reason}`}`
}

function describeFinding({ verdict, report, detail }: Finding): string {
  return `${verdict.toUpperCase()}: ${report === null ? '' : `${report}: `}${detail}`
}
