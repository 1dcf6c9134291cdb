import { platformTenantId } from '@csr/contracts/services'
import type { Refusal } from '@csr/http/request-record'
import type { Keyring } from '@csr/keyring/keyring'
import type { Clock } from '@csr/runtime/clock'
import type { Resource } from '@csr/runtime/lifecycle'
import { markOf } from '../domain/client.ts'
import { createRefusalTally, type Refused, type Tallied } from '../domain/refusals.ts'
import type { RefusalStore } from '../store/refusal-store.ts'
import type { GatewayTelemetry } from '../telemetry.ts'

type Deps = {
  readonly refusals: RefusalStore
  readonly keyring: Pick<Keyring, 'fingerprint'>
  readonly clock: Clock
  readonly telemetry: Pick<GatewayTelemetry, 'refused' | 'refusalsWait'>
}

/** `code` says why, in names that are ours. */
export type SignInRefusal = {
  readonly provider: string
  readonly code: string
  readonly requestId: string
  readonly clientAddress: string
}

export interface RefusalRecorder extends Resource {
  /** takes note of a refusal; answers do not wait for its record */
  readonly refused: (refusal: Refusal) => void
  /** the same of a sign-in that opened no session */
  readonly signInRefused: (signIn: SignInRefusal) => void
  /** puts the counts of the running minute among what is written next */
  readonly flushCounts: () => void
}

const minuteMs = 60_000
const retryMs = 1_000
/** What waits for the database beyond this is counted instead. */
const waitingMax = 1_000
const batchMax = 100

/** Writes refusals to the audit log: one by one at first, then as counts each minute, and all of it before it stops. */
export function recordRefusals(deps: Deps): RefusalRecorder {
  const { clock, telemetry } = deps
  const tally = createRefusalTally()
  const writer = createWriter(deps)
  let everyMinute: NodeJS.Timeout | undefined

  const flushCounts = (): void => writer.add(tally.take())
  const note = (refused: Refused): void => {
    if (writer.isFull()) tally.count(refused)
    else if (tally.isSingle(refused, clock.nowMs())) writer.add([{ refused, count: 1 }])
  }

  return {
    name: 'refusals',
    async start() {
      everyMinute = setInterval(flushCounts, minuteMs)
    },
    refused(refusal) {
      telemetry.refused(refusal.code)
      note(describeRequest(refusal, deps))
    },
    signInRefused: (signIn) => note(describeSignIn(signIn, deps)),
    flushCounts,
    async [Symbol.asyncDispose]() {
      clearInterval(everyMinute)
      await writer.finish(tally.take())
    },
  }
}

type Writer = {
  add(tallied: readonly Tallied[]): void
  isFull(): boolean
  /** writes what is left, tries once */
  finish(tallied: readonly Tallied[]): Promise<void>
}

/** One write at a time. A database that is down delays records and loses none: what waits is tried again. */
function createWriter({ refusals, telemetry }: Deps): Writer {
  let waiting: Tallied[] = []
  let writing: Promise<void> | null = null
  let retry: NodeJS.Timeout | undefined

  async function writeAll(): Promise<void> {
    while (waiting.length > 0) {
      const tenantId = waiting[0]?.refused.tenantId ?? platformTenantId
      const batch = waiting.filter(({ refused }) => refused.tenantId === tenantId).slice(0, batchMax)
      await refusals.record(tenantId, batch)
      const written = new Set(batch)
      waiting = waiting.filter((tallied) => !written.has(tallied))
    }
  }

  function write(): void {
    writing ??= writeAll()
      .catch((error: unknown) => {
        telemetry.refusalsWait(error, waiting.length)
        retry ??= setTimeout(writeAgain, retryMs)
      })
      .finally(() => (writing = null))
  }

  function writeAgain(): void {
    retry = undefined
    write()
  }

  return {
    add(tallied) {
      waiting.push(...tallied)
      write()
    },
    isFull: () => waiting.length >= waitingMax,
    async finish(tallied) {
      await writing
      clearTimeout(retry)
      waiting.push(...tallied)
      await writeAll().catch((error: unknown) => telemetry.refusalsWait(error, waiting.length))
    },
  }
}

function describeRequest(refusal: Refusal, deps: Deps): Refused {
  const { code, method, route, requestId, actorId, clientAddress, reasons: rules } = refusal
  const told = {
    tenantId: refusal.tenantId ?? platformTenantId,
    requestId,
    code,
    client: clientOf(clientAddress, deps),
  }
  return { kind: 'request', ...told, method, route, actorId, rules }
}

/** Whose employee it might have been is not known: the platform tenant's. */
function describeSignIn({ provider, code, requestId, clientAddress }: SignInRefusal, deps: Deps): Refused {
  const told = { tenantId: platformTenantId, requestId, code, client: clientOf(clientAddress, deps) }
  return { kind: 'sign-in', ...told, provider }
}

function clientOf(address: string, { keyring, clock }: Deps): string {
  const hmac = (purpose: string, value: string): string => keyring.fingerprint(platformTenantId, purpose, value)
  return markOf(address, clock.nowMs(), hmac)
}
