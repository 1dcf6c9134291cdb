import type { Pattern, Step } from './pattern.ts'
import type { Vocabulary } from './vocabulary.ts'

/** A pattern that may begin; `rule` is the place in the list of rules. */
export type Start = { readonly rule: number; readonly pattern: Pattern }

/** For each pair of neighbouring kinds of tokens the patterns that may begin with them: nearly always none. */
export type Starts = { readonly kinds: number; readonly ofPair: readonly (readonly Start[])[] }

const none: Start[] = []

/**
 * Makes one kind of all token ids that no pattern tells apart, rewrites the patterns to kinds and lists for each pair of
 * kinds what may begin there.
 */
export function indexPatterns(
  rules: readonly { readonly patterns: readonly Pattern[] }[],
  vocabulary: Vocabulary,
): Starts {
  const steps = rules.flatMap(({ patterns }) => patterns.flatMap((pattern) => pattern.steps))
  const examples = tellApart(steps, vocabulary)
  const kinds = examples.length
  for (const step of steps) step.takes = byKind(step.takes, examples)
  const ofPair = Array.from({ length: kinds * kinds }, () => none)
  rules.forEach(({ patterns }, rule) => {
    for (const pattern of patterns) {
      const start = { rule, pattern }
      const seconds = kindsIn(secondOf(pattern, kinds))
      for (const one of kindsIn(pattern.steps[0]?.takes ?? new Uint8Array())) {
        for (const two of seconds) {
          const pair = one * kinds + two
          if (ofPair[pair] === none) ofPair[pair] = [start]
          else ofPair[pair]?.push(start)
        }
      }
    }
  })
  return { kinds, ofPair }
}

/** Fills `vocabulary.kindOf`; returns one token id of each kind. */
function tellApart(steps: readonly Step[], vocabulary: Vocabulary): readonly number[] {
  const sets = [...new Map(steps.map(({ takes }) => [Buffer.from(takes).toString('latin1'), takes])).values()]
  const known = new Map<string, number>()
  const examples: number[] = []
  for (let id = 0; id < vocabulary.size; id += 1) {
    let membership = ''
    sets.forEach((takes, index) => {
      if (takes[id] === 1) membership += `${index},`
    })
    let kind = known.get(membership)
    if (kind === undefined) {
      kind = examples.push(id) - 1
      known.set(membership, kind)
    }
    vocabulary.kindOf[id] = kind
  }
  return examples
}

function byKind(takes: Uint8Array, examples: readonly number[]): Uint8Array {
  const taken = new Uint8Array(examples.length)
  examples.forEach((id, kind) => (taken[kind] = takes[id] ?? 0))
  return taken
}

function kindsIn(takes: Uint8Array): readonly number[] {
  const kinds: number[] = []
  for (let kind = 0; kind < takes.length; kind += 1) if (takes[kind] === 1) kinds.push(kind)
  return kinds
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
