import { ordinaryTexts, specialTexts, type SampleText } from './sample-texts.ts'

/*
 * Everything in the sample data follows from its number in its series, so that every run makes the same.
 */

const hourMs = 3_600_000
const firstDayMs = Date.UTC(2026, 1, 2)

/** RFC 3339 time of an hour of a day; day 0 is 2 February 2026. */
export function at(day: number, hour: number): string {
  return new Date(firstDayMs + (day * 24 + hour) * hourMs).toISOString()
}

export function hoursLater(time: string, hours: number): string {
  return new Date(Date.parse(time) + hours * hourMs).toISOString()
}

export function numbered<Item>(count: number, make: (index: number) => Item): Item[] {
  return Array.from({ length: count }, (_, index) => make(index))
}

export function pick<Item>(items: readonly Item[], index: number): Item {
  return items[index % items.length] as Item
}

/** Hands out every text once, in one order. */
export type TextSource = { ordinary(): SampleText; special(): SampleText }

export function textSource(): TextSource {
  const ordinary = ordinaryTexts(80).values()
  const special = specialTexts.values()
  const next = (texts: Iterator<SampleText>): SampleText => {
    const { value, done } = texts.next()
    if (done === true) throw new Error('there are fewer sample texts than are asked for')
    return value
  }
  return { ordinary: () => next(ordinary), special: () => next(special) }
}
