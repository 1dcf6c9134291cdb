import { spawn, type ChildProcess } from 'node:child_process'
import { closeSync, openSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { DataDirectory } from './data-directory.ts'
import { healthPolicy, type HealthPolicy } from './health-policy.ts'
import { logFile, rotateOpenLog } from './log-files.ts'
import { identify, type ProcessIdentity } from './process-identity.ts'
import { endLeftBehind, writeRegistry, type RegisteredProcess } from './process-registry.ts'
import { Refusal } from './refusal.ts'
import { restartPolicy, type RestartPolicy } from './restart-policy.ts'
import { SupervisedProcess, type Exit, type Program } from './supervised-process.ts'

export type SupervisorOptions = {
  readonly directory: DataDirectory
  readonly policy?: RestartPolicy
  readonly health?: HealthPolicy
  /** told of every start of a program (also the first) with its new pid */
  readonly onStarted?: (program: Program, pid: number) => void
  readonly onExited?: (program: Program, exit: Exit) => void
  readonly onFailed?: (program: Program, error: unknown, restartInMs: number) => void
  /** a program that runs but is of no use is restarted, for the `times`-th time */
  readonly onCuring?: (program: Program, because: string, times: number) => void
  /** what is kept on disk could not be written, as on a full one; the programs go on */
  readonly onTrouble?: (error: unknown) => void
}

/**
 * Keeps the processes of one stack running and ends them in the reverse order of their stages.
 *
 * What it promises: whatever it started is on disk (`processes.json`) before anything else happens with it; when the
 * supervisor is killed, the warden, a process that only waits for this, ends what is listed there; when both are
 * killed, the next start does.
 */
export class Supervisor {
  readonly #options: SupervisorOptions
  readonly #self: ProcessIdentity
  readonly #members = new Map<string, SupervisedProcess>()
  #warden: ChildProcess | null = null
  #rotation: NodeJS.Timeout | null = null
  #opened = false
  #ending = false

  constructor(options: SupervisorOptions) {
    const self = identify(process.pid)
    if (self === null) throw new Error('this process has no start time')
    this.#self = self
    this.#options = options
  }

  /** Ends what an earlier supervisor of this directory left behind, and posts the warden. Returns what was ended. */
  async open(): Promise<readonly string[]> {
    const left = await endLeftBehind(this.#options.directory.registryFile)
    this.#opened = true
    this.#writeRegistry()
    this.#postWarden()
    this.#rotation = setInterval(() => this.#attempt(() => this.#rotateLogs()), rotationEveryMs).unref()
    return left
  }

  /** Starts a program and keeps it running; resolves when it answers. Refused once the stop has begun. */
  async run(program: Program): Promise<void> {
    if (this.#ending) throw new Refusal(`${program.name} is not started any more: the stack is stopping.`)
    const member = new SupervisedProcess(program, {
      logsDir: this.#options.directory.logsDir,
      policy: this.#options.policy ?? restartPolicy,
      health: this.#options.health ?? healthPolicy,
      mayRestart: () => this.#othersAreUp(program),
      watcher: {
        started: (identity) => {
          this.#attempt(() => this.#writeRegistry())
          this.#options.onStarted?.(program, identity.pid)
        },
        exited: (exit) => {
          this.#attempt(() => this.#writeRegistry())
          this.#options.onExited?.(program, exit)
        },
        failed: (error, restartInMs) => this.#options.onFailed?.(program, error, restartInMs),
        curing: (because, times) => this.#options.onCuring?.(program, because, times),
      },
    })
    this.#members.set(program.name, member)
    await member.start()
  }

  /** Whether nothing was started yet. */
  get isIdle(): boolean {
    return this.#members.size === 0
  }

  /** The pid that runs under this name now, or null between two lives. */
  pidOf(name: string): number | null {
    return this.#members.get(name)?.identity?.pid ?? null
  }

  member(name: string): SupervisedProcess | undefined {
    return this.#members.get(name)
  }

  /** Ends everything, highest stage first; what takes longer than its `stopLimitMs`, or than all may take, is killed. */
  stop(): Promise<void> {
    const endsAt = performance.now() + stopWithinMs
    return this.#stopStages((member) => member.stop(Math.max(leastStopMs, endsAt - performance.now())))
  }

  /** Ends everything without letting it finish, in the same order. May be called while `stop` is under way. */
  force(): Promise<void> {
    return this.#stopStages((member) => member.force())
  }

  async #stopStages(end: (member: SupervisedProcess) => Promise<void>): Promise<void> {
    this.#ending = true
    const members = [...this.#members.values()]
    const stages = [...new Set(members.map((member) => member.program.stage))].toSorted((a, b) => b - a)
    for (const stage of stages) await Promise.all(members.filter((one) => one.program.stage === stage).map(end))
    if (this.#rotation !== null) clearInterval(this.#rotation)
    // The warden ends by itself when its channel closes, and without a registry it has nothing left to do.
    if (this.#opened) rmSync(this.#options.directory.registryFile, { force: true })
    this.#opened = false
    if (this.#warden?.connected) this.#warden.disconnect()
    this.#warden = null
  }

  /** The nodes of a cluster are restarted one after the other. */
  #othersAreUp({ name, stage }: Program): boolean {
    return [...this.#members.values()].every(
      (one) => one.program.stage !== stage || one.program.name === name || one.isUp,
    )
  }

  #postWarden(): void {
    const { logsDir, registryFile, stackFile } = this.#options.directory
    const log = openSync(logFile(logsDir, 'warden'), 'a', 0o600)
    const script = fileURLToPath(new URL('./warden.ts', import.meta.url))
    this.#warden = spawn(process.execPath, [script, registryFile, stackFile], {
      detached: true,
      stdio: ['ignore', log, log, 'ipc'],
      env: {},
    })
    closeSync(log)
    this.#warden.on('error', () => {})
    this.#warden.unref()
    this.#warden.channel?.unref()
  }

  #writeRegistry(): void {
    if (!this.#opened) return
    const processes = [...this.#members.values()].flatMap((member): RegisteredProcess[] => {
      const { name, stage, stopSignal } = member.program
      return member.identity === null ? [] : [{ ...member.identity, name, stage, stopSignal }]
    })
    writeRegistry(this.#options.directory.registryFile, { supervisor: this.#self, processes })
  }

  #attempt(work: () => void): void {
    try {
      work()
    } catch (error) {
      this.#options.onTrouble?.(error)
    }
  }

  #rotateLogs(): void {
    for (const name of this.#members.keys()) rotateOpenLog(logFile(this.#options.directory.logsDir, name))
  }
}

const rotationEveryMs = 60_000
/** With a second for killing what is left it stays below the 20 s in which everything is gone. */
const stopWithinMs = 17_000
const leastStopMs = 1_000
