import { existsSync, rmSync } from 'node:fs'
import { services, type Service } from '@csr/contracts/services'
import { bootstrapRoles } from '@csr/postgres/bootstrap-roles'
import { composeDocument } from './compose-document.ts'
import { createDataDirectory, dataDirectory, lockDataDirectory, type DataDirectory } from './data-directory.ts'
import { ownerUrl } from './database-places.ts'
import { loadSamples } from './demo-samples.ts'
import { makeDemoTenant, samplesAreLoaded } from './demo-tenant.ts'
import { bindDemoParticipants, makeDemoStaff, type DemoPlace } from './demo-users.ts'
import { createGatewayClient } from './gateway-client.ts'
import { lastLines } from './follow-file.ts'
import { identityProvidersUrl } from './identity-providers/environment.ts'
import { logFile } from './log-files.ts'
import { migrateUp } from './migrate.ts'
import type { Progress } from './progress.ts'
import { describeProbe, untilReady, watchReadiness } from './ready.ts'
import { explainFileError, Refusal } from './refusal.ts'
import { namesOf } from './replicas.ts'
import type { SampleReport } from './samples/sample-result.ts'
import { mainOf, serviceUrl, type Surroundings } from './service-environment.ts'
import { removeStackDocument, writeStackDocument, type DemoDocument, type StackDocument } from './stack-document.ts'
import type { StartOptions } from './start-options.ts'
import { startServers } from './start-servers.ts'
import { readinessUrls, startServices } from './start-services.ts'
import type { Exit, Program } from './supervised-process.ts'
import { Supervisor } from './supervisor.ts'

export type StackSurface = {
  readonly progress: Progress
  /** the environment of whoever starts the stack; settings for outsiders are read from it and handed on */
  readonly environment: Readonly<Record<string, string | undefined>>
  /** only these services; all that exist where not given */
  readonly only?: readonly Service[]
}

/**
 * One whole stack: servers, keeper, services, demo tenant, and `stack.json` that tells of it. Started in that order,
 * stopped in the reverse one. `stop` may be called at any time, also while `start` is under way.
 */
export class Stack {
  readonly directory: DataDirectory
  readonly #options: StartOptions
  readonly #surface: StackSurface
  readonly #supervisor: Supervisor
  readonly #ending = new AbortController()
  /** aborted with the name of a program for which waiting is of no use */
  readonly #hopeless = new AbortController()
  readonly #exitsBeforeReady = new Map<string, number>()
  #release: (() => void) | null = null
  #around: Surroundings | null = null
  #demo: DemoDocument | null = null
  #samples: SampleReport | null = null
  #announced = false

  constructor(options: StartOptions, surface: StackSurface) {
    this.#options = options
    this.#surface = surface
    this.directory = dataDirectory(options.dataDir)
    this.#supervisor = new Supervisor({
      directory: this.directory,
      onStarted: (program, pid) => this.#noteStart(program, pid),
      onExited: (program, exit) => this.#noteExit(program, exit),
      onFailed: (program, error, restartInMs) => this.#noteFailure(program, error, restartInMs),
      onCuring: (program, because, times) => this.#noteCure(program, because, times),
      onTrouble: (error) => this.#noteTrouble(error),
    })
  }

  /** The services of this project that have a program to run. */
  static existing(only: readonly Service[] = services): Service[] {
    return only.filter((service) => existsSync(mainOf(service)))
  }

  /** Starts everything and resolves when all of it is ready, with the document that was written. Throws Refusal. */
  async start(): Promise<StackDocument> {
    const { progress } = this.#surface
    createDataDirectory(this.directory)
    this.#release = lockDataDirectory(this.directory)
    removeStackDocument(this.directory.stackFile)
    const left = await this.#supervisor.open()
    if (left.length > 0) progress.note(`ended what a killed stack left behind: ${left.join(', ')}`)
    const around = await this.#step('servers', (note) => this.#startServers(note))
    this.#around = around
    await this.#step('roles and migrations', () => this.#migrate(around))
    await this.#step('services', () => this.#startServices(around))
    if (around.mode === 'development') await this.#step('demo tenant', () => this.#makeDemo(around))
    if (this.#options.demo && this.#demo !== null) await this.#loadSamples(around, this.#demo)
    this.#announced = true
    const document = this.document()
    writeStackDocument(this.directory.stackFile, document)
    void this.#watch(around)
    return document
  }

  /** What became of the samples, at the start that loaded them. */
  get samples(): SampleReport | null {
    return this.#samples
  }

  /** Whether nothing was started yet. */
  get isIdle(): boolean {
    return this.#supervisor.isIdle
  }

  /** Lets everything finish and ends it, in order, within 20 s. */
  async stop(): Promise<void> {
    this.#ending.abort()
    await this.#supervisor.stop()
    this.#leave()
  }

  /** Ends everything at once. */
  async force(): Promise<void> {
    this.#ending.abort()
    await this.#supervisor.force()
    this.#leave()
  }

  /** Restarts a service, every replica of it, as after a change of its files. */
  async restart(service: string): Promise<void> {
    const names = namesOf(service, this.#options.replicas)
    await Promise.all(names.map(async (name) => await this.#supervisor.member(name)?.restart()))
  }

  /** What `stack.json` says at this moment. */
  document(): StackDocument {
    const around = this.#around
    if (around === null) throw new Error('the stack has not started')
    const existing = Stack.existing(this.#surface.only)
    return composeDocument(around, this.#supervisor, { directory: this.directory, existing, demo: this.#demo })
  }

  async #step<T>(title: string, work: (note: (line: string) => void) => Promise<T>): Promise<T> {
    this.#ending.signal.throwIfAborted()
    const step = this.#surface.progress.step(title)
    try {
      const result = await work((line) => step.detail(line))
      step.done()
      return result
    } catch (error) {
      step.failed()
      throw this.#explain(error)
    }
  }

  #startServers(onProgress: (line: string) => void): Promise<Surroundings> {
    const { environment } = this.#surface
    const supervisor = this.#supervisor
    return startServers({ options: this.#options, directory: this.directory, supervisor, environment, onProgress })
  }

  async #migrate({ csr, keys, secrets }: Surroundings): Promise<void> {
    const passwords = secrets.databasePasswords
    for (const { adminUrl, database } of [csr, keys]) {
      await bootstrapRoles({ adminUrl, passwords, databases: [database] })
    }
    await migrateUp({ csr: ownerUrl(csr, passwords), csr_keys: ownerUrl(keys, passwords) })
  }

  async #startServices(around: Surroundings): Promise<void> {
    const start = { options: this.#options, supervisor: this.#supervisor }
    await startServices(Stack.existing(this.#surface.only), around, start)
    await this.#untilReady(around)
  }

  async #untilReady(around: Surroundings): Promise<void> {
    const signal = AbortSignal.any([this.#ending.signal, this.#hopeless.signal])
    const missing = await untilReady(this.#urls(around), { withinMs: readyWithinMs, signal })
    this.#ending.signal.throwIfAborted()
    const { logsDir } = this.directory
    if (this.#hopeless.signal.aborted) {
      const path = logFile(logsDir, String(this.#hopeless.signal.reason))
      const said = lastLines(path, 12)?.text ?? ''
      throw new Refusal(`${String(this.#hopeless.signal.reason)} does not start. The end of ${path}:\n${said}`)
    }
    const said = [...missing].map(([name, state]) => `  ${name} ${describeProbe(state)} (${logFile(logsDir, name)})`)
    if (said.length > 0) throw new Refusal(`Not ready after ${readyWithinMs / 1_000} s:\n${said.join('\n')}`)
  }

  async #makeDemo(around: Surroundings): Promise<void> {
    const gateway = serviceUrl(around.ports, 'gateway')
    const existing = Stack.existing(this.#surface.only)
    if (!existing.includes('gateway') || !existing.includes('ingest')) return
    const client = createGatewayClient(gateway)
    this.#demo = await makeDemoTenant(gateway, client, this.directory.demoFile)
    await makeDemoStaff(client, this.#placeOf(around, this.#demo))
  }

  #placeOf(around: Surroundings, { tenantId }: DemoDocument): DemoPlace {
    const gatewayUrl = serviceUrl(around.ports, 'gateway')
    const providersUrl = identityProvidersUrl(around)
    return { tenantId, gatewayUrl, providersUrl, stateFile: this.directory.demoFile }
  }

  /** A stack without its samples is still a stack: what goes wrong with them is told, and tried again at the next start. */
  async #loadSamples(around: Surroundings, demo: DemoDocument): Promise<void> {
    const place = this.#placeOf(around, demo)
    const { stateFile, gatewayUrl } = place
    const { signal } = this.#ending
    try {
      if (!samplesAreLoaded(stateFile)) {
        this.#samples = await this.#step('samples', (onProgress) =>
          loadSamples(gatewayUrl, demo, { stateFile, signal, onProgress }),
        )
      }
      await bindDemoParticipants(createGatewayClient(gatewayUrl), place)
    } catch (error) {
      signal.throwIfAborted()
      this.#surface.progress.warn(
        `The samples are not all in: ${error instanceof Error ? error.message : String(error)}`,
      )
    }
  }

  async #watch(around: Surroundings): Promise<void> {
    const { progress } = this.#surface
    await watchReadiness(this.#urls(around), {
      everyMs: 2_000,
      signal: this.#ending.signal,
      changed: (name, now) => {
        const text = `${name} ${describeProbe(now)}`
        if (now.state === 'ready') progress.note(text)
        else progress.warn(text)
      },
    })
  }

  #urls(around: Surroundings): ReadonlyMap<string, string> {
    return readinessUrls(Stack.existing(this.#surface.only), around, this.#options.replicas)
  }

  #noteStart(program: Program, pid: number): void {
    if (!this.#announced || this.#ending.signal.aborted) return
    this.#rewriteDocument()
    this.#surface.progress.note(`${program.name} is back, pid ${pid}`)
  }

  #noteExit(program: Program, exit: Exit): void {
    if (exit.restartInMs === null || this.#ending.signal.aborted) {
      if (exit.signal === 'SIGKILL') this.#surface.progress.warn(`${program.name} did not end in time and was killed`)
      return
    }
    if (!this.#announced && this.#isHopeless(program, exit)) return this.#hopeless.abort(program.name)
    const how = exit.signal ?? `code ${exit.code}`
    const when = exit.restartInMs === 0 ? 'now' : `in ${exit.restartInMs / 1_000} s`
    const log = logFile(this.directory.logsDir, program.name)
    this.#surface.progress.warn(`${program.name} ended (${how}), starts again ${when}; its log: ${log}`)
    if (this.#announced) this.#rewriteDocument()
  }

  /** A service waits for what it needs; one that ends again and again before it was ready once will go on like that. */
  #isHopeless(program: Program, exit: Exit): boolean {
    const exits = (this.#exitsBeforeReady.get(program.name) ?? 0) + 1
    this.#exitsBeforeReady.set(program.name, exits)
    return exit.code === settingsRefused || exits >= exitsBeforeReadyMax
  }

  #noteFailure(program: Program, error: unknown, restartInMs: number): void {
    const why = error instanceof Error ? error.message : String(error)
    this.#surface.progress.warn(`${program.name} did not start, again in ${restartInMs / 1_000} s: ${why}`)
  }

  #noteCure(program: Program, because: string, times: number): void {
    this.#surface.progress.warn(`${program.name} is restarted, which cures it (time ${times}): ${because}`)
  }

  #rewriteDocument(): void {
    try {
      writeStackDocument(this.directory.stackFile, this.document())
    } catch (error) {
      this.#noteTrouble(error)
    }
  }

  // Only errors about the directory: a program that may not be run has a code of the same name.
  #explain(error: unknown): unknown {
    const { code, path } = error as NodeJS.ErrnoException
    const about = code === 'ENOSPC' || code === 'EDQUOT' || path?.startsWith(this.directory.path)
    return about === true ? explainFileError(error, this.directory.path) : error
  }

  #noteTrouble(error: unknown): void {
    const explained = this.#explain(error)
    this.#surface.progress.warn(explained instanceof Error ? explained.message : String(explained))
  }

  #leave(): void {
    // Without the lock the directory is somebody else's.
    if (this.#release === null) return
    removeStackDocument(this.directory.stackFile)
    this.#release()
    this.#release = null
    if (this.#options.ephemeral) rmSync(this.directory.path, { recursive: true, force: true })
  }
}

const readyWithinMs = 90_000
/** How a service ends that cannot use its environment. */
const settingsRefused = 2
const exitsBeforeReadyMax = 4
