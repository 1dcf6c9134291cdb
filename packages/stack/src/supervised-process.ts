import { setTimeout as delay } from 'node:timers/promises'
import { judgeHealth, noHealthRecord, type Health, type HealthPolicy } from './health-policy.ts'
import { logFile, rotateLog } from './log-files.ts'
import { identify, type ProcessIdentity } from './process-identity.ts'
import { nextRestart, type RestartPolicy } from './restart-policy.ts'

/** One life of a program. */
export type RunningProcess = {
  readonly pid: number
  /** resolves once, never rejects */
  readonly exited: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>
  /** asks it to end, kills it after `limitMs`; resolves when it is gone */
  stop(limitMs: number): Promise<void>
  /** ends it without letting it finish; resolves when it is gone */
  force(): Promise<void>
}

/** A program the supervisor keeps running. */
export type Program = {
  readonly name: string
  /** higher stages stop first, the members of one stage together */
  readonly stage: number
  /** what asks it to end when it is nobody's child any more */
  readonly stopSignal: NodeJS.Signals
  /** how long it may take to end by itself */
  readonly stopLimitMs: number
  /**
   * Starts one life of it, writing to `logPath`; may first clear up after the last one. Tells the process through
   * `spawned` as soon as there is one, and resolves when it answers, for a program that others wait for.
   */
  start(logPath: string, spawned: (running: RunningProcess) => void): Promise<void>
  /** for a program that may be of no use until it is restarted: asked again and again while it runs; never rejects */
  readonly health?: () => Promise<Health>
}

export type Exit = {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly livedMs: number
  /** null where it is not started again, because it was asked to stop */
  readonly restartInMs: number | null
}

/** Called synchronously at each change. */
export type ProcessWatcher = {
  started(identity: ProcessIdentity): void
  exited(exit: Exit): void
  /** a restart that did not succeed; it is tried again after `restartInMs` */
  failed(error: unknown, restartInMs: number): void
  /** it is restarted because that cures it, for the `times`-th time */
  curing(because: string, times: number): void
}

export type SupervisedProcessOptions = {
  readonly logsDir: string
  readonly policy: RestartPolicy
  readonly health: HealthPolicy
  readonly watcher: ProcessWatcher
  /** whether the others of its kind are up, so that it may be restarted; asked again with the next answer */
  readonly mayRestart: () => boolean
}

/**
 * Keeps one program running: an exit is followed by a start, as the restart policy says, until `stop`. A program that
 * lives but does not answer is left alone; one that says itself that it is broken is restarted as the health policy says.
 */
export class SupervisedProcess {
  readonly program: Program
  readonly #options: SupervisedProcessOptions
  readonly #stopping = new AbortController()
  #running: RunningProcess | null = null
  #identity: ProcessIdentity | null = null
  #startedAtMs = 0
  #exitsInRow = 0
  #isUp = false
  #cures = 0
  #loop: Promise<void> | null = null

  constructor(program: Program, options: SupervisedProcessOptions) {
    this.program = program
    this.#options = options
  }

  /** The process that runs now, or null between two lives. */
  get identity(): ProcessIdentity | null {
    return this.#identity
  }

  /** Whether it has started and is not being ended. */
  get isUp(): boolean {
    return this.#isUp
  }

  /** How often it was restarted because that cured it. */
  get cures(): number {
    return this.#cures
  }

  /** Starts it for the first time; an error of this start is the caller's, later ones are tried again. */
  async start(): Promise<void> {
    const first = this.#startOnce()
    this.#loop = first.then(
      () => this.#keepRunning(),
      () => {},
    )
    if (this.program.health !== undefined) void this.#watchHealth(this.program.health)
    await first
  }

  /** Ends the present life; the next begins at once. */
  async restart(): Promise<void> {
    this.#exitsInRow = 0
    this.#isUp = false
    await this.#running?.stop(this.program.stopLimitMs)
  }

  /** Ends it for good, in no more than `limitMs` where that is less than its own limit; resolves when it is gone. */
  async stop(limitMs: number): Promise<void> {
    this.#stopping.abort()
    await this.#running?.stop(Math.min(limitMs, this.program.stopLimitMs))
    await this.#loop
  }

  /** Ends it for good, without letting it finish anything. */
  async force(): Promise<void> {
    this.#stopping.abort()
    await this.#running?.force()
    await this.#loop
  }

  async #startOnce(): Promise<void> {
    const path = logFile(this.#options.logsDir, this.program.name)
    rotateLog(path)
    try {
      await this.program.start(path, (running) => this.#adopt(running))
      this.#isUp = true
    } catch (error) {
      await this.#running?.force()
      this.#running = null
      this.#identity = null
      throw error
    }
  }

  #adopt(running: RunningProcess): void {
    this.#running = running
    this.#startedAtMs = Date.now()
    this.#identity = identify(running.pid) ?? { pid: running.pid, startedAt: 'gone' }
    this.#options.watcher.started(this.#identity)
    if (this.#stopping.signal.aborted) void running.stop(this.program.stopLimitMs)
  }

  async #keepRunning(): Promise<void> {
    while (this.#running !== null) {
      const exit = await this.#running.exited
      this.#isUp = false
      this.#running = null
      this.#identity = null
      const livedMs = Date.now() - this.#startedAtMs
      const restartInMs = this.#stopping.signal.aborted ? null : this.#nextDelayMs(livedMs)
      this.#options.watcher.exited({ ...exit, livedMs, restartInMs })
      if (restartInMs !== null) await this.#startAgain(restartInMs)
    }
  }

  async #startAgain(firstDelayMs: number): Promise<void> {
    const { signal } = this.#stopping
    for (let delayMs = firstDelayMs; !signal.aborted; delayMs = this.#nextDelayMs(0)) {
      await delay(delayMs, undefined, { signal }).catch(() => {})
      if (signal.aborted) return
      try {
        await this.#startOnce()
        return
      } catch (error) {
        const next = nextRestart(this.#options.policy, this.#exitsInRow, 0)
        if (!signal.aborted) this.#options.watcher.failed(error, next.delayMs)
      }
    }
  }

  /** Asks only who is up: who starts, or has just been ended, has nothing to say yet. */
  async #watchHealth(ask: () => Promise<Health>): Promise<void> {
    const { health: policy, watcher, mayRestart } = this.#options
    const { signal } = this.#stopping
    let record = noHealthRecord
    while (!signal.aborted) {
      await delay(policy.everyMs, undefined, { signal, ref: false }).catch(() => {})
      const asked = this.#running
      if (!this.#isUp || signal.aborted) continue
      const answer = await ask()
      if (!this.#isUp || asked !== this.#running || signal.aborted) continue
      const judged = judgeHealth(policy, record, answer)
      if (judged.restart && !mayRestart()) continue
      record = judged.record
      if (!judged.restart || answer.state !== 'broken') continue
      this.#cures += 1
      watcher.curing(answer.because, this.#cures)
      await this.restart()
    }
  }

  #nextDelayMs(livedMs: number): number {
    const next = nextRestart(this.#options.policy, this.#exitsInRow, livedMs)
    this.#exitsInRow = next.exitsInRow
    return next.delayMs
  }
}
