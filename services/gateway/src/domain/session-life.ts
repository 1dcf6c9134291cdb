/** How long a session lasts: unused, and however much it is used. */
export type SessionLimits = { readonly idleMs: number; readonly lifeMs: number }

type Lasting = { readonly seenAtMs: number; readonly expiresAtMs: number }

export function isAlive(
  { seenAtMs, expiresAtMs }: Lasting,
  nowMs: number,
  { idleMs }: Pick<SessionLimits, 'idleMs'>,
): boolean {
  return nowMs < expiresAtMs && nowMs - seenAtMs < idleMs
}

/** A use is written down at most this often, and early enough that no idle limit is hit by it. */
export function isWorthNoting(
  { seenAtMs }: Lasting,
  nowMs: number,
  { idleMs }: Pick<SessionLimits, 'idleMs'>,
): boolean {
  return nowMs - seenAtMs >= Math.min(60_000, idleMs / 4)
}
