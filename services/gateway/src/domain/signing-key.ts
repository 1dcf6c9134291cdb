/** A signing key's life: published as next, signs as active, verifies as retiring, then retired for good. */
export type SigningKeyState = 'next' | 'active' | 'retiring' | 'retired'

/** Times in milliseconds since the epoch. */
export type SigningKeyTimes = {
  readonly kid: string
  readonly publishedAtMs: number
  /** null while nobody decided to use it */
  readonly activeFromMs: number | null
  /** null until another key is to take over */
  readonly retiresAtMs: number | null
  /** false once its private half is destroyed */
  readonly canSign: boolean
}

const minuteMs = 60_000
/**
 * What the old key signed is accepted this long after the new one takes over: the longest life of a token (10 minutes), the
 * leeway of verifiers, and the minute for which a gateway may not have noticed and goes on signing with the old one.
 */
export const overlapMs = 12 * minuteMs

/**
 * The key that signs now: of those that can, the last whose time has come. A clock that was set back behind the time of all
 * of them leaves the first: whoever verifies knows it already, and what it signs then is older than any revocation.
 */
export function activeOf<Key extends SigningKeyTimes>(keys: readonly Key[], nowMs: number): Key | null {
  let active: Key | null = null
  for (const key of keys) {
    if (key.canSign && (active === null || isBetter(key, active, nowMs))) active = key
  }
  return active?.activeFromMs === null ? null : active
}

function isBetter(key: SigningKeyTimes, than: SigningKeyTimes, nowMs: number): boolean {
  if (key.activeFromMs === null || than.activeFromMs === null) return key.activeFromMs !== null
  const [own, other] = [key.activeFromMs, than.activeFromMs]
  return own <= nowMs ? other > nowMs || own > other : other > nowMs && own < other
}

/** How far the clock stands behind the time of the key that signs; 0 where it does not. */
export function clockBehindMs(keys: readonly SigningKeyTimes[], nowMs: number): number {
  return Math.max(0, (activeOf(keys, nowMs)?.activeFromMs ?? nowMs) - nowMs)
}

/** Follows from the times alone, so that every process agrees without being told. */
export function stateOf(key: SigningKeyTimes, keys: readonly SigningKeyTimes[], nowMs: number): SigningKeyState {
  if (key.retiresAtMs !== null && key.retiresAtMs <= nowMs) return 'retired'
  if (activeOf(keys, nowMs)?.kid === key.kid) return 'active'
  return key.activeFromMs === null || key.activeFromMs > nowMs ? 'next' : 'retiring'
}

/** When the next key takes over and the active one's time ends; null while there is nothing to rotate to. */
export type Rotation = {
  readonly fromKid: string
  readonly toKid: string
  readonly activeFromMs: number
  readonly retiresAtMs: number
}

/** A key is used once it has been public for `leadMs`, so that every verifier has read it. */
export function planRotation(keys: readonly SigningKeyTimes[], nowMs: number, leadMs: number): Rotation | null {
  const from = activeOf(keys, nowMs)
  const to = keys.find(({ activeFromMs }) => activeFromMs === null)
  if (!from || !to || from.retiresAtMs !== null) return null
  const activeFromMs = Math.max(nowMs, to.publishedAtMs + leadMs)
  return { fromKid: from.kid, toKid: to.kid, activeFromMs, retiresAtMs: activeFromMs + overlapMs }
}
