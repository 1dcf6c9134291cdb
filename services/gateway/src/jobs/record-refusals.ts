import { platformTenantId } from '@csr/contracts/services'
import type { Refusal } from '@csr/http/request-record'
import type { Keyring } from '@csr/keyring/keyring'
import type { Clock } from '@csr/runtime/clock'
import type { Resource } from '@csr/runtime/lifecycle'
import { clientOf } from '../domain/client.ts'
import { createRefusalTally, type Refused, type Tallied } from '../domain/refusals.ts'
import type { RefusalStore } from '../store/refusal-store.ts'
import type { GatewayTelemetry } from '../telemetry.ts'

type Deps = {
  readonly refusals: RefusalStore
  readonly keyring: Pick<Keyring, 'fingerprint'>
  readonly clock: Clock
  readonly telemetry: GatewayTelemetry
  readonly flushEveryMs?: number
}

export interface RefusalRecorder extends Resource {
  /** takes note of a refusal; answers do not wait for its record */
  refused(refusal: Refusal): void
  /** puts the counts of the running minute among what is written next */
  flushCounts(): void
}

const weekMs = 7 * 24 * 3_600_000
const minuteMs = 60_000
const retryMs = 1_000
/** What waits for the database beyond this is counted instead. */
const waitingMax = 1_000
const batchMax = 100

/** Writes refusals to the audit log: one by one at first, then as counts each minute, and all of it before it stops. */
export function recordRefusals(deps: Deps): RefusalRecorder {
  const { refusals, clock, telemetry } = deps
  const tally = createRefusalTally()
  let waiting: Tallied[] = []
  let writing: Promise<void> | null = null
  let retry: NodeJS.Timeout | undefined
  let everyMinute: NodeJS.Timeout | undefined

  async function writeAll(): Promise<void> {
    while (waiting.length > 0) {
      const tenantId = waiting[0]?.refused.tenantId ?? platformTenantId
      const batch = waiting.filter(({ refused }) => refused.tenantId === tenantId).slice(0, batchMax)
      await refusals.record(tenantId, batch)
      const written = new Set(batch)
      waiting = waiting.filter((tallied) => !written.has(tallied))
    }
  }

  /** A database that is down delays records and loses none: what waits is tried again. */
  function write(): void {
    writing ??= writeAll()
      .catch((error: unknown) => {
        telemetry.refusalsWait(error, waiting.length)
        retry ??= setTimeout(() => {
          retry = undefined
          write()
        }, retryMs)
      })
      .finally(() => (writing = null))
  }

  function flushCounts(): void {
    waiting.push(...tally.take())
    write()
  }

  return {
    name: 'refusals',
    async start() {
      everyMinute = setInterval(flushCounts, deps.flushEveryMs ?? minuteMs)
    },
    refused(refusal) {
      telemetry.refused(refusal.code)
      const refused = describe(refusal, deps)
      if (waiting.length >= waitingMax) return tally.count(refused)
      if (!tally.isSingle(refused, clock.nowMs())) return
      waiting.push({ refused, count: 1 })
      write()
    },
    flushCounts,
    async [Symbol.asyncDispose]() {
      clearInterval(everyMinute)
      await writing
      clearTimeout(retry)
      waiting.push(...tally.take())
      await writeAll().catch((error: unknown) => telemetry.refusalsWait(error, waiting.length))
    },
  }
}

function describe(refusal: Refusal, { keyring, clock }: Deps): Refused {
  const { code, method, route, requestId, actorId, tenantId, clientAddress } = refusal
  const week = Math.floor(clock.nowMs() / weekMs)
  const client = keyring.fingerprint(platformTenantId, `client-address/${week}`, clientOf(clientAddress))
  return { tenantId: tenantId ?? platformTenantId, requestId, code, method, route, actorId, client }
}
