/** What a program says of itself while it runs. */
export type Health =
  | { readonly state: 'well' }
  /** it stays like this until it is restarted; `curable` once what broke it is over */
  | { readonly state: 'broken'; readonly because: string; readonly curable: boolean }
  /** it starts, recovers, elects, is paused: time helps, a restart would only set it back */
  | { readonly state: 'unclear' }

/** When a program that runs, but is of no use until it is restarted, is restarted. Counted in answers, one every `everyMs`. */
export type HealthPolicy = {
  readonly everyMs: number
  /** so many answers in a row have to say that a restart would cure it, before the 1st, 2nd, … restart; the last holds on */
  readonly patience: readonly number[]
  /** so many answers in a row that it is well make the next restart the first again */
  readonly wellAfter: number
}

/** After 15 s, then 1, 5 and 30 minutes of being broken with its cause over; anew after 10 minutes of being well. */
export const healthPolicy: HealthPolicy = { everyMs: 5_000, patience: [3, 12, 60, 360], wellAfter: 120 }

/** What is remembered from one answer to the next. */
export type HealthRecord = {
  readonly curable: number
  readonly well: number
  /** restarts that count towards the patience with the next one */
  readonly restarts: number
}

export const noHealthRecord: HealthRecord = { curable: 0, well: 0, restarts: 0 }

/** What to do after an answer. While the cause lasts nothing is done: a restart would meet it again. */
export function judgeHealth(
  policy: HealthPolicy,
  { curable, well, restarts }: HealthRecord,
  answer: Health,
): { readonly restart: boolean; readonly record: HealthRecord } {
  if (answer.state === 'well') {
    const longEnough = well + 1 >= policy.wellAfter
    return { restart: false, record: { curable: 0, well: well + 1, restarts: longEnough ? 0 : restarts } }
  }
  if (answer.state !== 'broken' || !answer.curable) return { restart: false, record: { curable: 0, well: 0, restarts } }
  const patience = policy.patience[Math.min(restarts, policy.patience.length - 1)] ?? 1
  if (curable + 1 < patience) return { restart: false, record: { curable: curable + 1, well: 0, restarts } }
  return { restart: true, record: { curable: 0, well: 0, restarts: restarts + 1 } }
}
