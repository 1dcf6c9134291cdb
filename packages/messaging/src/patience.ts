import { randomInt } from 'node:crypto'
import { HandlerTooSlow } from './outcomes.ts'

/** How long others wait for work in front of them. */
export type Patience = {
  /** a group whose handler takes longer is repeated one by one */
  readonly groupMs: number
  /** a message that takes longer goes on by itself while others follow */
  readonly oneMs: number
  /** a handler that takes longer has failed */
  readonly handlerMs: number
  /** after a group took too long its consumer makes no groups for this time */
  readonly carefulMs: number
}

export const patienceDefault: Patience = { groupMs: 3_000, oneMs: 250, handlerMs: 30_000, carefulMs: 30_000 }

/** The result of `work`, or HandlerTooSlow after `ms`. Nothing can end the work itself; what it still returns is dropped. */
export async function withDeadline<Result>(ms: number, work: Promise<Result>): Promise<Result> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new HandlerTooSlow('The handler did not end in time')), ms)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}

/** Whether `work` ended within `ms`; an error in that time is thrown, a later one is for whoever still holds the work. */
export async function endedWithin(ms: number, work: Promise<void>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), ms)
  })
  try {
    return await Promise.race([work.then(() => true), late])
  } finally {
    clearTimeout(timer)
  }
}

/** Does the work for all items, `most` at a time. After an error it begins no more, ends what runs, and throws the first. */
export async function someAtATime<Item>(
  most: number,
  items: readonly Item[],
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const left = [...items]
  const errors: unknown[] = []
  async function run(): Promise<void> {
    for (let item = left.shift(); item !== undefined; item = left.shift()) {
      try {
        await work(item)
      } catch (error) {
        errors.push(error)
        left.length = 0
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(most, items.length) }, run))
  if (errors.length > 0) throw errors[0]
}

const jitterPercent = 20

/** So that what failed together does not come again together. */
export function jittered(delayMs: number): number {
  return (delayMs * (100 + randomInt(-jitterPercent, jitterPercent + 1))) / 100
}
