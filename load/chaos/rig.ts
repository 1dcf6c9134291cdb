import { eventually } from '@csr/testkit/eventually'
import type { Fault, FaultRow, Hold } from './fault.ts'
import type { Requirement } from './ledger.ts'
import type { ExpectedDeadLetter } from './oracle/effects.ts'
import { isWholeEffect } from './oracle/probe-effect.ts'
import { untilSettled, type UnderWay } from './oracle/under-way.ts'
import type { RigStack } from './rig-stack.ts'
import type { Rig } from './scenario.ts'
import type { SeededRandom } from './seeded-random.ts'
import type { Company } from './workload/companies.ts'
import type { RunningLoad } from './workload/load.ts'
import { setTimeout as pause } from 'node:timers/promises'

type Parts = {
  readonly stack: RigStack
  readonly companies: readonly Company[]
  readonly load: RunningLoad
  readonly random: SeededRandom
  readonly note: (text: string) => void
}

/** A system under load, what was done to it, and what is required of it. */
export class RunningRig implements Rig {
  readonly stack: RigStack
  readonly load: RunningLoad
  readonly random: SeededRandom
  readonly note: (text: string) => void
  readonly faults: FaultRow[] = []
  readonly requirements: Requirement[] = []
  readonly expected: ExpectedDeadLetter[] = []
  /** what was still under way when patience ended */
  underWay: readonly UnderWay[] = []
  readonly #firstTenantId: string
  readonly #startedMs = performance.now()

  constructor({ stack, companies, load, random, note }: Parts) {
    this.stack = stack
    this.load = load
    this.random = random
    this.note = note
    this.#firstTenantId = companies[0]?.tenantId ?? ''
  }

  async suffer(fault: Fault, hold: Hold = { forMs: 0 }): Promise<void> {
    const reason = fault.unavailable?.() ?? null
    const atSeconds = (performance.now() - this.#startedMs) / 1_000
    const about = { fault: fault.name, atSeconds }
    if (reason !== null) {
      this.note(`${fault.name}: not run, ${reason}`)
      this.faults.push({ ...about, outcome: 'not run', heldSeconds: 0, recoverySeconds: null, reason })
      return
    }
    this.note(fault.name)
    const injectedMs = performance.now()
    const heal = await fault.inject(this)
    await ('until' in hold ? hold.until() : pause(hold.forMs))
    const healedMs = performance.now()
    const heldSeconds = (healedMs - injectedMs) / 1_000
    try {
      await heal()
      await this.#works()
      const recoverySeconds = (performance.now() - healedMs) / 1_000
      this.note(`${fault.name}: recovered after ${recoverySeconds.toFixed(1)} s`)
      this.faults.push({ ...about, outcome: 'recovered', heldSeconds, recoverySeconds, reason: null })
    } catch (error) {
      const missing = error instanceof Error ? error.message : String(error)
      this.note(`${fault.name}: not recovered, ${missing}`)
      this.faults.push({ ...about, outcome: 'not recovered', heldSeconds, recoverySeconds: null, reason: missing })
    }
  }

  require(what: string, holds: boolean, saw: string): void {
    this.requirements.push({ what, holds, saw })
  }

  expectDeadLetters(expected: readonly ExpectedDeadLetter[]): void {
    this.expected.push(...expected)
  }

  async settled(withinMs: number): Promise<boolean> {
    this.underWay = await untilSettled(this.stack, withinMs)
    return this.underWay.length === 0
  }

  /** A webhook sent now has its whole effect, and every process is there and ready. */
  async #works(): Promise<void> {
    const report = await this.load.probe(AbortSignal.timeout(worksWithinMs))
    await this.stack.ready(worksWithinMs)
    await eventually(() => isWholeEffect(this.stack, this.#firstTenantId, report), {
      withinMs: worksWithinMs,
      what: 'the effect of a webhook that was accepted after the fault',
    })
  }
}

/** The longest wait after a fault: restarts come 30 s apart at worst, and a lost store may take a minute to fill again. */
const worksWithinMs = 120_000
