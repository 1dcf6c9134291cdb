/** What every refusal is recorded with. */
type Told = {
  /** the platform tenant where no tenant is known */
  readonly tenantId: string
  readonly requestId: string
  readonly code: string
  /** HMAC of the client's address */
  readonly client: string
}

/** One request the edge refused. */
export type RefusedRequest = Told & {
  readonly kind: 'request'
  readonly method: string
  readonly route: string
  readonly actorId: string | null
  /** rules of the firewall that were met */
  readonly rules: readonly string[]
}

/** One sign-in that opened no session. */
export type RefusedSignIn = Told & { readonly kind: 'sign-in'; readonly provider: string }

export type Refused = RefusedRequest | RefusedSignIn

export type Tallied = { readonly refused: Refused; readonly count: number }

/** Refusals of one kind and client that are recorded one by one within a minute; what comes after is counted. */
export const singlesPerMinute = 10

const minuteMs = 60_000
/** Clients and kinds of refusal told apart at a time; under a flood of addresses the rest is counted together. */
const keptMax = 10_000
const others = 'others'

export interface RefusalTally {
  /** true where this one is recorded on its own; otherwise it was added to the counts */
  isSingle(refused: Refused, nowMs: number): boolean
  /** adds to the counts */
  count(refused: Refused): void
  /** the counts so far; starts again from none */
  take(): Tallied[]
}

/** Decides which refusals are recorded one by one and counts the others, in bounded memory. */
export function createRefusalTally(): RefusalTally {
  let minute = 0
  let singles = new Map<string, number>()
  let counts = new Map<string, Tallied>()

  function count(refused: Refused): void {
    const known = counts.size < keptMax || counts.has(keyOf(refused))
    const counted = known ? refused : withoutClient(refused)
    const key = keyOf(counted)
    counts.set(key, { refused: counted, count: (counts.get(key)?.count ?? 0) + 1 })
  }

  return {
    isSingle(refused, nowMs) {
      const current = Math.floor(nowMs / minuteMs)
      if (current !== minute) {
        minute = current
        singles = new Map()
      }
      const who = `${refused.kind}/${refused.client}`
      const before = singles.get(who) ?? 0
      if (before >= singlesPerMinute || (before === 0 && singles.size >= keptMax)) {
        count(refused)
        return false
      }
      singles.set(who, before + 1)
      return true
    },
    count,
    take() {
      const taken = [...counts.values()]
      counts = new Map()
      return taken
    },
  }
}

function withoutClient(refused: Refused): Refused {
  if (refused.kind === 'sign-in') return { ...refused, client: others }
  return { ...refused, client: others, actorId: null, route: others, rules: [] }
}

/** Everything but the request: those that differ in nothing else are one count. */
const keyOf = (refused: Refused): string => JSON.stringify({ ...refused, requestId: '' })
