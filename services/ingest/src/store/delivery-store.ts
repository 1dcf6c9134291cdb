import type { Keyring } from '@csr/keyring/keyring'
import type { Postgres } from '@csr/postgres/connect'
import { groupCommit } from '@csr/postgres/group-commit'
import type { Clock } from '@csr/runtime/clock'
import type { Ids } from '@csr/runtime/ids'
import { laneOfWebhook, type Allowances } from '../domain/live-allowance.ts'
import type { Report } from '../domain/translation.ts'
import { commitClaims, type Receipt } from './commit-claims.ts'
import { selectDeliveries, type Claim, type ListedRow } from './delivery-statements.ts'
import { keepQuarantined, type Kept, type Misshapen } from './keep-quarantined.ts'
import { prepareClaim, type SignedDelivery } from './prepare-claim.ts'

/** `otherBytes`: the signed id was used before for a body that is not this one. */
export type Received = Receipt | Kept

export interface DeliveryStore {
  /** Delivery, natural key and event commit together, in one round trip with whatever else this tenant brings now. */
  accept(signed: SignedDelivery, report: Report): Promise<Received>
  /** Keeps a body nobody could translate, sealed under a key of its own, with its reasons. */
  quarantine(signed: SignedDelivery, misshapen: Misshapen): Promise<Received>
  list(tenantId: string, page: { before: string | null; limit: number }): Promise<readonly ListedRow[]>
}

type Deps = {
  readonly postgres: Pick<Postgres, 'group'>
  readonly keyring: Keyring
  readonly clock: Clock
  readonly ids: Ids
  /** called after each commit that wrote an event */
  readonly wakeRelay: () => void
  /** called while so many webhooks wait for their commit that what they cause has to wait too */
  readonly yieldToAnswers: () => void
  /** webhooks a second of one tenant on the live lane */
  readonly livePerSecond: number
}

/** So many webhooks that wait at once are a rush: at a pace that is digested they are a fraction of it. */
const rushFrom = 50
/** Under a steady stream a webhook waits this long at most for others to share its commit. */
const paceMs = 20

export function createDeliveryStore(deps: Deps): DeliveryStore {
  const { postgres, clock, wakeRelay, yieldToAnswers, livePerSecond } = deps
  const allowances: Allowances = new Map()
  let waiting = 0
  const commits = groupCommit<Claim, Receipt>({
    paceMs,
    run: (tenantId, claims) => commitClaims(postgres, tenantId, claims),
  })

  return {
    async accept(signed, report) {
      const lane = laneOfWebhook(allowances, signed.tenantId, livePerSecond, clock.nowMs())
      waiting += 1
      if (waiting >= rushFrom) yieldToAnswers()
      try {
        const claim = await prepareClaim(deps, signed, report, lane)
        const receipt = await commits.submit(signed.tenantId, claim)
        if (receipt.outcome === 'accepted') wakeRelay()
        return receipt
      } finally {
        waiting -= 1
      }
    },
    async quarantine(signed, misshapen) {
      const kept = await keepQuarantined(deps, signed, misshapen)
      if (kept.outcome === 'quarantined') wakeRelay()
      return kept
    },
    async list(tenantId, { before, limit }) {
      const [rows] = await postgres.group(tenantId, [selectDeliveries(before, limit)])
      return rows
    },
  }
}
