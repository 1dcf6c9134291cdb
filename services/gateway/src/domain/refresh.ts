/** Two tabs may present the same token within this time. */
export const reuseGraceMs = 10_000

type Presented = { readonly usedAtMs: number | null; readonly successorUsed: boolean }

/**
 * `rotate`: unused, or used a moment ago by another tab, which gets the same successor. `reused`: somebody has a copy; whose
 * of the two is the thief's nobody can tell, so the whole family ends (RFC 9700, section 4.14.2).
 */
export function judgeRefresh({ usedAtMs, successorUsed }: Presented, nowMs: number): 'rotate' | 'reused' {
  if (usedAtMs === null) return 'rotate'
  return nowMs - usedAtMs <= reuseGraceMs && !successorUsed ? 'rotate' : 'reused'
}
