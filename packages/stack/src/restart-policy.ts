/** When a program that exits is started again. */
export type RestartPolicy = {
  /** waits before the 1st, 2nd, … restart in a row; the last one holds for all further ones */
  readonly delaysMs: readonly number[]
  /** a life of this length makes the next exit count as the first again */
  readonly resetAfterMs: number
}

/** At once, then after 1, 2, 4 … 30 s; counted anew after 60 s of life. */
export const restartPolicy: RestartPolicy = {
  delaysMs: [0, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000],
  resetAfterMs: 60_000,
}

/** The wait before the next start, and the count of exits in a row to pass in next time. */
export function nextRestart(
  policy: RestartPolicy,
  exitsInRow: number,
  livedMs: number,
): { readonly delayMs: number; readonly exitsInRow: number } {
  const earlier = livedMs >= policy.resetAfterMs ? 0 : exitsInRow
  const delayMs = policy.delaysMs[Math.min(earlier, policy.delaysMs.length - 1)] ?? 0
  return { delayMs, exitsInRow: earlier + 1 }
}
