import { ProblemError } from '@csr/http/problem'
import { Tier, type Counted, type Limits } from '@csr/http/limits'
import type { Clock } from '@csr/runtime/clock'
import { clientOf } from '../domain/client.ts'
import { SlidingWindow, type Count } from './sliding-window.ts'
import type { Policy } from './tiers.ts'

/** Counts that all gateways share. Throws where the store does not answer in time. */
export interface SharedCounts {
  take(key: string, policy: Policy): Promise<Count>
  giveBack(key: string, policy: Policy): void
}

type Options = {
  readonly policies: Readonly<Record<Tier, Policy>>
  readonly clock: Clock
  /** null where this is the only gateway */
  readonly shared: SharedCounts | null
  /** how many gateways there are: without the shared store each allows its part */
  readonly replicas: number
  readonly refused: (tier: Tier) => void
  readonly storeLost: (error: unknown) => void
}

/**
 * Sliding windows. Each process counts what it lets in, whether or not a store is shared; where one is, the higher count
 * decides. While the store is away, and one window longer, a process allows its part of the limit, and what it counted
 * before still counts.
 */
export function createLimits(options: Options): Limits {
  const { policies, clock, shared, replicas, refused, storeLost } = options
  const windows = new Map(Object.values(Tier).map((tier) => [tier, new SlidingWindow(policies[tier].windowMs)]))

  let lostAtMs = Number.NEGATIVE_INFINITY

  async function countShared(key: string, policy: Policy, own: Count): Promise<Count> {
    if (!shared) return own
    const all = await shared.take(key, policy).catch((error: unknown) => {
      storeLost(error)
      lostAtMs = clock.nowMs()
      return own
    })
    // a store that is back may have forgotten what it counted: for one window more its word is not enough
    const isAlone = clock.nowMs() - lostAtMs < policy.windowMs
    const mine = isAlone ? { ...own, room: Math.max(-1, Math.ceil(policy.limit / replicas) - own.count) } : own
    if (mine.room < 0 && all !== own && all.room >= 0) shared.giveBack(key, policy)
    return all.room < mine.room ? all : mine
  }

  function refuse(tier: Tier, policy: Policy, count: Count): never {
    refused(tier)
    const headers = headersOf(tier, policy, count)
    throw new ProblemError('rate-limited', { retryAfterSeconds: secondsOf(count.resetMs), headers })
  }

  return {
    check(tier, asked) {
      const policy = policies[tier]
      const found = windows.get(tier)?.look(whoOf(tier, asked), policy.limit, clock.nowMs())
      if (found && found.room < 0) refuse(tier, policy, found)
    },
    async take(tier, asked) {
      const [policy, who] = [policies[tier], whoOf(tier, asked)]
      const window = windows.get(tier) as SlidingWindow
      const own = window.take(who, policy.limit, clock.nowMs())
      const count = own.room < 0 ? own : await countShared(`${tier}/${who}`, policy, own)
      if (count.room < 0) {
        if (own.room >= 0) window.giveBack(who, clock.nowMs())
        refuse(tier, policy, count)
      }
      return {
        headers: headersOf(tier, policy, count),
        giveBack() {
          window.giveBack(who, clock.nowMs())
          shared?.giveBack(`${tier}/${who}`, policy)
        },
      } satisfies Counted
    },
  }
}

/** An IPv6 client is its network, and so is whoever changes addresses inside it. */
const whoOf = (tier: Tier, asked: string): string =>
  tier === Tier.anonymous || tier === Tier.signIn ? clientOf(asked) : asked

const secondsOf = (ms: number): number => Math.max(1, Math.ceil(ms / 1_000))

function headersOf(tier: Tier, { limit, windowMs }: Policy, { room, resetMs }: Count): Record<string, string> {
  return {
    'ratelimit-policy': `"${tier}";q=${limit};w=${windowMs / 1_000}`,
    ratelimit: `"${tier}";r=${Math.max(0, room)};t=${secondsOf(resetMs)}`,
  }
}
