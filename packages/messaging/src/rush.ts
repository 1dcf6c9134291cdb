/** Whether so many wait for answers that what is nobody's answer yields to them. Times are those of one steady clock. */
export interface Rush {
  /** many wait at this moment */
  notice(nowMs: number): void
  isOn(nowMs: number): boolean
}

/** A rush is over when nobody has noticed it for this long. */
const overAfterMs = 250
/** What lasts longer is no rush: bulk events would fall behind for as long as it goes on. */
const longestMs = 15_000

export function createRush(): Rush {
  let beganMs = -Infinity
  let noticedMs = -Infinity
  return {
    notice(nowMs) {
      if (nowMs - noticedMs >= overAfterMs) beganMs = nowMs
      noticedMs = nowMs
    },
    isOn: (nowMs) => nowMs - noticedMs < overAfterMs && nowMs - beganMs < longestMs,
  }
}
