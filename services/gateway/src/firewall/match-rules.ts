import { base64View, joinComments, plainView } from './normalise.ts'
import { matchAt, work } from './pattern.ts'
import type { Rule, RuleSet } from './rules.ts'
import { createTokens, tokenise, type Tokens } from './tokenise.ts'
import type { View } from './view.ts'

/** How a text was read when a rule was met. */
export type Reading = 'plain' | 'comments removed' | 'base64'

/** A rule that was met, and what met it, as it looks once every escape is taken off. */
export type Match = { readonly rule: Rule; readonly reading: Reading; readonly excerpt: string }

const nothing: readonly Match[] = []
const excerptCharactersMax = 120
/** Texts of people take a few hundred; where it takes more, beginnings of attacks are piled up to hide what follows. */
const stepsMax = 100_000

/** Finds the rules that a text meets. Time is linear in the text, which may hold `pieceCharactersMax` characters. */
export function createMatcher({ rules, vocabulary, starts }: RuleSet): (text: string) => readonly Match[] {
  const tokens = createTokens()
  const met = new Uint8Array(rules.length)
  let matches: Match[] = []

  function note(index: number, reading: Reading, excerpt: string): void {
    met[index] = 1
    const rule = rules[index]
    if (rule) matches.push({ rule, reading, excerpt })
  }

  function read(view: View, reading: Reading): void {
    tokenise(view, vocabulary, tokens)
    const { kinds, count, words } = tokens
    for (let at = 0; at + 1 < count; at += 1) {
      const possible = starts.ofPair[(kinds[at] ?? 0) * starts.kinds + (kinds[at + 1] ?? 0)]
      if (possible === undefined || possible.length === 0) continue
      if (work.steps > stepsMax) return void view.traits.add('flooded')
      for (const { rule: index, pattern } of possible) {
        if (met[index] === 1) continue
        const rule = rules[index]
        if (!rule || words > rule.wordsMax || (rule.trait !== null && !view.traits.has(rule.trait))) continue
        const end = matchAt(pattern, tokens, at)
        if (end !== -1) note(index, reading, excerptOf(view, tokens, { from: at, to: end }))
      }
    }
  }

  function noteTraits(view: View): void {
    if (view.traits.size === 0) return
    rules.forEach(({ trait, patterns }, index) => {
      if (trait !== null && patterns.length === 0 && met[index] === 0 && view.traits.has(trait))
        note(index, 'plain', '')
    })
  }

  return (text) => {
    matches = []
    work.steps = 0
    const view = plainView(text)
    read(view, 'plain')
    const { comments } = tokens
    const inside = base64View(view)
    if (inside !== null) read(inside, 'base64')
    if (comments && joinComments(view)) read(view, 'comments removed')
    noteTraits(view)
    if (inside !== null) noteTraits(inside)
    if (matches.length === 0) return nothing
    met.fill(0)
    return matches
  }
}

function excerptOf({ codes }: View, { starts, ends }: Tokens, { from, to }: { from: number; to: number }): string {
  const start = starts[from] ?? 0
  const end = Math.min(ends[to - 1] ?? start, start + excerptCharactersMax)
  return String.fromCharCode(...codes.subarray(start, end))
}
