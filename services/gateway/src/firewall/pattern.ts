import { gap, type Tokens } from './tokenise.ts'
import { tokenId, type Vocabulary } from './vocabulary.ts'

/** One step of a pattern: which tokens it takes, and how many. */
export type Step = {
  /** 1 for each that is taken: by token id as written, by kind of token as matched */
  takes: Uint8Array
  /** least gap before the token; `glued`: none at all */
  readonly gapMin: number
  readonly glued: boolean
  readonly min: number
  readonly max: number
  /** tokens that may stand in between */
  readonly skips: number
}

export type Pattern = { readonly steps: readonly Step[] }

/** Elements of a pattern are separated by blanks. */
export const elementsOf = (text: string): string[] => text.split(' ')

const skipForm = /^\.\.(\d+)$/
const repeatMax = 6

/** Words and marks that an element names, without classes. */
export function literalsOf(element: string): string[] {
  if (skipForm.test(element)) return []
  return parseElement(element).names.filter((name) => !isClass(name))
}

const isClass = (name: string): boolean => /^@[a-z]/.test(name)

const gapOf = (text: string): number => (text.length > 1 ? (gapsByMark[text.charAt(0)] ?? gap.none) : gap.none)
const gapsByMark: Readonly<Record<string, number>> = { '␣': gap.blank, '⏎': gap.line, '␤': gap.escapedLine }

type Written = {
  readonly names: readonly string[]
  readonly glued: boolean
  readonly gapMin: number
  readonly min: number
  readonly max: number
}

function parseElement(element: string): Written {
  let text = element
  const glued = text.length > 1 && text.startsWith('~')
  const gapMin = gapOf(text)
  if (glued || gapMin > 0) text = text.slice(1)
  const isOptional = text.length > 1 && text.endsWith('?') && text !== '??'
  const isRepeated = isClass(text) && text.endsWith('*')
  if (isOptional || isRepeated) text = text.slice(0, -1)
  const min = isOptional || isRepeated ? 0 : 1
  return { names: text.split('¦'), glued, gapMin, min, max: isRepeated ? repeatMax : 1 }
}

export type Known = { readonly vocabulary: Vocabulary; readonly classes: ReadonlyMap<string, readonly string[]> }

/** Compiles a pattern; how one is written stands in `rules/README.md`. Throws where it names what is not there. */
export function compilePattern(text: string, known: Known): Pattern {
  const steps: Step[] = []
  let skips = 0
  for (const element of elementsOf(text)) {
    const skip = skipForm.exec(element)
    if (skip) {
      skips = Number(skip[1])
      continue
    }
    const { names, ...how } = parseElement(element)
    const takes = new Uint8Array(known.vocabulary.size)
    for (const name of names) for (const id of idsOf(name, known)) takes[id] = 1
    steps.push({ takes, ...how, skips })
    skips = 0
  }
  if (steps[0]?.min !== 1) throw new Error(`${text} does not begin with a token`)
  return { steps }
}

const numberIds = [tokenId.number, tokenId.hexNumber, tokenId.longNumber, tokenId.octalNumber]

const builtIn: Readonly<Record<string, (vocabulary: Vocabulary) => readonly number[]>> = {
  '@any': ({ size }) => Array.from({ length: size }, (_, id) => id),
  '@word': ({ words }) => [tokenId.word, ...words],
  '@number': ({ numbers }) => [...numberIds, ...numbers],
  '@start': () => [tokenId.start],
  '@end': () => [tokenId.end],
  '@nul': () => [tokenId.nul],
  '@hex': () => [tokenId.hexNumber],
  '@long': () => [tokenId.longNumber],
  '@octal': () => [tokenId.octalNumber],
  '@apostrophe': () => [tokenId.apostrophe],
  '@opening': () => [tokenId.openingSingle, tokenId.openingDouble],
}

function idsOf(name: string, known: Known): readonly number[] {
  if (!isClass(name)) {
    const opening = name === "'" ? [tokenId.openingSingle] : name === '"' ? [tokenId.openingDouble] : []
    return [known.vocabulary.idOf(name), ...opening]
  }
  const listed = known.classes.get(name.slice(1))
  if (listed) return listed.flatMap((item) => idsOf(item, known))
  const ids = builtIn[name]
  if (!ids) throw new Error(`${name} is no class`)
  return ids(known.vocabulary)
}

/** Steps that attempts to match have taken; whoever watches the time sets it back. */
export const work = { steps: 0 }

/** Where the pattern ends if it begins at `at`, -1 where it does not. No step is taken twice: time is bounded by its length. */
export function matchAt({ steps }: Pattern, tokens: Tokens, at: number): number {
  let place = at
  for (const step of steps) {
    const from = place
    if (step.skips > 0) {
      const last = Math.min(place + step.skips, tokens.count - 1)
      while (place <= last && !accepts(step, tokens, place)) place += 1
      work.steps += place - from + 1
      if (place > last) return -1
      place += 1
      continue
    }
    while (place - from < step.max && accepts(step, tokens, place)) place += 1
    work.steps += 1
    if (place - from < step.min) return -1
  }
  return place
}

function accepts({ takes, glued, gapMin }: Step, { kinds, gaps, count }: Tokens, place: number): boolean {
  if (place >= count || takes[kinds[place] ?? 0] !== 1) return false
  const before = gaps[place] ?? 0
  return glued ? before === gap.none : before >= gapMin
}
