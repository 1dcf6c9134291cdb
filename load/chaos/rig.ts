import { setTimeout as pause } from 'node:timers/promises'
import { eventually } from '@csr/testkit/eventually'
import type { Fault, FaultRow, Hold } from './fault.ts'
import type { Links } from './foreign-servers.ts'
import type { Requirement } from './ledger.ts'
import type { Effects, ExpectedDeadLetter } from './oracle/effects.ts'
import { judge, type Judged } from './oracle/judge.ts'
import { isWholeEffect } from './oracle/probe-effect.ts'
import { readPromises, type Asked, type Promised } from './oracle/promises.ts'
import { readEffects } from './oracle/read-effects.ts'
import { untilSettled, type UnderWay } from './oracle/under-way.ts'
import type { RigStack } from './rig-stack.ts'
import type { Rig } from './scenario.ts'
import type { SeededRandom } from './seeded-random.ts'
import { readAttempts } from './workload/attempt-log.ts'
import type { RunningLoad } from './workload/load.ts'

export type RigParts = {
  readonly stack: RigStack
  readonly load: RunningLoad
  readonly random: SeededRandom
  readonly links: Links | null
  readonly folder: string
  readonly attemptLog: string
  readonly tenantIds: readonly string[]
  readonly atEnd: (work: () => void) => void
  readonly note: (text: string) => void
}

/** What is known of a run at one moment, by the attempt log and the database. */
export type Standing = Judged & {
  readonly asked: Asked
  readonly promised: readonly Promised[]
  readonly effects: Effects
}

/** A system under load, what was done to it, and what is required of it. */
export class RunningRig implements Rig {
  readonly faults: FaultRow[] = []
  readonly requirements: Requirement[] = []
  readonly expected: ExpectedDeadLetter[] = []
  /** what was still under way when it was last looked for */
  underWay: readonly UnderWay[] = []
  readonly #parts: RigParts
  readonly #startedMs = performance.now()

  constructor(parts: RigParts) {
    this.#parts = parts
  }

  get stack(): RigStack {
    return this.#parts.stack
  }

  get load(): RunningLoad {
    return this.#parts.load
  }

  get random(): SeededRandom {
    return this.#parts.random
  }

  get links(): Links | null {
    return this.#parts.links
  }

  get folder(): string {
    return this.#parts.folder
  }

  get tenantIds(): readonly string[] {
    return this.#parts.tenantIds
  }

  note(text: string): void {
    this.#parts.note(text)
  }

  atEnd(work: () => void): void {
    this.#parts.atEnd(work)
  }

  async suffer(fault: Fault, hold: Hold = { forMs: 0 }): Promise<void> {
    const unavailable = fault.unavailable?.() ?? null
    if (unavailable !== null) return this.notRun(fault.name, unavailable)
    this.note(fault.name)
    const atSeconds = this.#seconds()
    let healedAt = atSeconds
    const close = (missing: string | null): void => {
      const recoverySeconds = missing === null ? this.#seconds() - healedAt : null
      this.note(`${fault.name}: ${missing ?? `recovered after ${recoverySeconds?.toFixed(1)} s`}`)
      const outcome = missing === null ? 'recovered' : 'not recovered'
      const heldSeconds = healedAt - atSeconds
      this.faults.push({ fault: fault.name, outcome, atSeconds, heldSeconds, recoverySeconds, reason: missing })
    }
    try {
      const heal = await fault.inject(this)
      try {
        await ('until' in hold ? hold.until() : pause(hold.forMs))
      } finally {
        healedAt = this.#seconds()
        await heal()
      }
      await this.probe()
      await this.stack.ready(worksWithinMs)
      close(null)
    } catch (error) {
      close(error instanceof Error ? error.message : String(error))
    }
  }

  notRun(fault: string, reason: string): void {
    this.note(`${fault}: not run, ${reason}`)
    const atSeconds = this.#seconds()
    this.faults.push({ fault, outcome: 'not run', atSeconds, heldSeconds: 0, recoverySeconds: null, reason })
  }

  require(what: string, holds: boolean, saw: string): void {
    this.note(`${holds ? 'holds' : 'BROKEN'}: ${what} (${saw})`)
    this.requirements.push({ what, holds, saw })
  }

  expectDeadLetters(expected: readonly ExpectedDeadLetter[]): void {
    this.expected.push(...expected)
  }

  async settled(withinMs: number): Promise<boolean> {
    this.underWay = await untilSettled(this.stack, withinMs)
    return this.underWay.length === 0
  }

  async probe(): Promise<void> {
    const report = await this.load.probe(AbortSignal.timeout(worksWithinMs))
    await eventually(() => isWholeEffect(this.stack, this.tenantIds[0] ?? '', report), {
      withinMs: worksWithinMs,
      what: 'the whole effect of a webhook',
    })
  }

  async everythingEffective(withinMs: number): Promise<number> {
    const startedMs = performance.now()
    await eventually(
      async () => {
        const { findings } = await this.judge()
        if (findings.length > 0) throw new Error(`${findings.length} findings, the first: ${findings[0]?.detail}`)
      },
      { withinMs, what: 'the effect of everything that was accepted' },
    )
    return performance.now() - startedMs
  }

  /** Compares the attempt log with the database as they are now. */
  async judge(): Promise<Standing> {
    const { attemptLog, tenantIds } = this.#parts
    const { promised, asked } = readPromises(readAttempts(attemptLog))
    const effects = await this.stack.ask((sql) => readEffects(sql, tenantIds))
    const planted = new Set(this.expected.map(({ eventId }) => eventId))
    const judged = judge({ promised, tenantIds, effects, underWay: this.underWay, planted })
    return { ...judged, asked, promised, effects }
  }

  /** since the rig began */
  #seconds(): number {
    return (performance.now() - this.#startedMs) / 1_000
  }
}

/** The longest wait after a fault: restarts come 30 s apart at worst, and a lost store may take a minute to fill again. */
const worksWithinMs = 120_000
