import type { TestStackOptions } from '@csr/testkit/stack'
import type { Fault, Hold } from './fault.ts'
import type { Links } from './foreign-servers.ts'
import type { Load } from './workload/load.ts'
import type { RigStack } from './rig-stack.ts'
import type { SeededRandom } from './seeded-random.ts'
import type { ExpectedDeadLetter } from './oracle/effects.ts'

/** A way of breaking the system, by name: `npm run chaos -- NAME`. */
export type Scenario = {
  readonly name: string
  /** one line for `--list`: what is done to the system and what has to come of it */
  readonly description: string
  /** requests per second where `--rate` does not say */
  readonly perSecond: number
  /** requests at least, where `--events` does not say; the load goes on as long as the faults do */
  readonly events: number
  /** the stack it needs; one as `npm start` makes it where left out */
  readonly stack?: StackNeeds
  /**
   * Breaks things. The load is running when it is called and goes on until it has returned; then the rig waits until the
   * system is settled and judges. What is thrown here ends it and fails the run.
   */
  run(rig: Rig): Promise<void>
}

export type StackNeeds = Pick<TestStackOptions, 'env' | 'replicas' | 'natsNodes'> & {
  /** servers that are not the stack's own, behind links that can be made worse: `rig.links` */
  readonly foreignServers?: boolean
}

/** What a scenario has at hand. The system is touched from outside only: HTTP, SQL, NATS administration, signals. */
export type Rig = {
  readonly stack: RigStack
  /** the choices of the fault schedule */
  readonly random: SeededRandom
  readonly load: Load
  /** where the scenario asked for foreign servers */
  readonly links: Links | null
  /** a folder of the run beside the stack's data */
  readonly folder: string
  /** of the companies whose partners send */
  readonly tenantIds: readonly string[]
  /** a line of progress, on stderr */
  note(text: string): void
  /**
   * Causes a fault, holds it, heals it and waits until the system works again: every process is there and ready, and a
   * webhook sent after the healing has had its whole effect. Becomes a row of the ledger; resolves also where the system
   * did not recover, which fails the run. A fault that cannot be caused on this machine becomes a row "not run".
   */
  suffer(fault: Fault, hold?: Hold): Promise<void>
  /** A fault that this machine cannot have, as `suffer` writes it down. */
  notRun(fault: string, reason: string): void
  /** Sends one webhook with every kind of effect, and resolves when all of them are there. */
  probe(): Promise<void>
  /** Milliseconds until every report that was accepted so far is effective, while the load rests. */
  everythingEffective(withinMs: number): Promise<number>
  /** Done when the stack has ended, last first. */
  atEnd(work: () => void): void
  /** A condition of this scenario beside the ledger's own; where it does not hold the run fails. `saw` says the figures. */
  require(what: string, holds: boolean, saw: string): void
  /** These dead letters have to be there, once each, and fail the run where they are not. Any other fails it too. */
  expectDeadLetters(expected: readonly ExpectedDeadLetter[]): void
  /** Waits until nothing is under way in the system, while no load runs or whatever it leaves; false when it took too long. */
  settled(withinMs: number): Promise<boolean>
}
