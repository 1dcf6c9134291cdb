import { createHash } from 'node:crypto'

/** Choices that depend on the seed alone. Each name has a sequence of its own, so that asking more of one changes no other. */
export type SeededRandom = {
  /** at least 0, below 1 */
  next(): number
  /** a whole number from 0, below `limit` */
  below(limit: number): number
  /** a whole number from `least` to `most` */
  between(least: number, most: number): number
  chance(probability: number): boolean
  pick<Item>(items: readonly Item[]): Item
  shuffled<Item>(items: readonly Item[]): Item[]
  fork(name: string): SeededRandom
}

/** Numbers are hashes of seed, name and place in the sequence: slow, and the same on every machine. */
export function seededRandom(seed: number, name = 'chaos'): SeededRandom {
  let place = 0
  const next = (): number => {
    const hash = createHash('sha256').update(`${seed}/${name}/${place}`).digest()
    place += 1
    return hash.readUIntBE(0, 6) / 2 ** 48
  }
  const below = (limit: number): number => Math.floor(next() * limit)
  return {
    next,
    below,
    between: (least, most) => least + below(most - least + 1),
    chance: (probability) => next() < probability,
    pick<Item>(items: readonly Item[]): Item {
      if (items.length === 0) throw new Error('nothing to pick from')
      return items[below(items.length)] as Item
    },
    shuffled<Item>(items: readonly Item[]): Item[] {
      const keyed = items.map((item) => ({ item, key: next() }))
      return keyed.toSorted((one, other) => one.key - other.key).map(({ item }) => item)
    },
    fork: (other) => seededRandom(seed, `${name}/${other}`),
  }
}
