import type { Pattern, Step } from './pattern.ts'
import type { Vocabulary } from './vocabulary.ts'

/** A pattern that may begin; `rule` is the place in the list of rules. */
export type Start = { readonly rule: number; readonly pattern: Pattern }

/** For each pair of neighbouring kinds of tokens the patterns that may begin with them: nearly always none. */
export type Starts = { readonly kinds: number; readonly ofPair: readonly (readonly Start[])[] }

const none: readonly Start[] = []

/**
 * Makes one kind of all token ids that no pattern tells apart, rewrites the patterns to kinds and lists for each pair of
 * kinds what may begin there.
 */
export function indexPatterns(
  rules: readonly { readonly patterns: readonly Pattern[] }[],
  vocabulary: Vocabulary,
): Starts {
  const steps = rules.flatMap(({ patterns }) => patterns.flatMap((pattern) => pattern.steps))
  const kinds = tellApart(steps, vocabulary)
  for (const step of steps) step.takes = byKind(step.takes, vocabulary, kinds)
  const ofPair = Array.from({ length: kinds * kinds }, () => none)
  rules.forEach(({ patterns }, rule) => {
    for (const pattern of patterns) {
      const start = { rule, pattern }
      const second = secondOf(pattern, kinds)
      const [first] = pattern.steps
      for (let one = 0; one < kinds; one += 1) {
        if (first?.takes[one] !== 1) continue
        for (let two = 0; two < kinds; two += 1) {
          const pair = one * kinds + two
          if (second[two] === 1) ofPair[pair] = [...(ofPair[pair] ?? none), start]
        }
      }
    }
  })
  return { kinds, ofPair }
}

/** Fills `vocabulary.kindOf`; returns how many kinds there are. */
function tellApart(steps: readonly Step[], vocabulary: Vocabulary): number {
  const sets = new Map(steps.map(({ takes }) => [String(takes), takes]))
  const known = new Map<string, number>()
  for (let id = 0; id < vocabulary.size; id += 1) {
    let membership = ''
    let index = 0
    for (const takes of sets.values()) {
      if (takes[id] === 1) membership += `${index},`
      index += 1
    }
    const kind = known.get(membership) ?? known.size
    known.set(membership, kind)
    vocabulary.kindOf[id] = kind
  }
  return known.size
}

function byKind(takes: Uint8Array, { kindOf }: Vocabulary, kinds: number): Uint8Array {
  const taken = new Uint8Array(kinds)
  takes.forEach((takesId, id) => {
    if (takesId === 1) taken[kindOf[id] ?? 0] = 1
  })
  return taken
}

/** Kinds that may stand second: up to the first step that cannot be left out. */
function secondOf({ steps }: Pattern, kinds: number): Uint8Array {
  const second = new Uint8Array(kinds)
  for (const step of steps.slice(1)) {
    if (step.skips > 0) return second.fill(1)
    for (let kind = 0; kind < kinds; kind += 1) if (step.takes[kind] === 1) second[kind] = 1
    if (step.min > 0) return second
  }
  return second.fill(1)
}
