import { setImmediate } from 'node:timers/promises'
import type { Operation } from '@csr/contracts/http/operation'
import type { Exclusions } from './exclusions.ts'
import { freeTextOf, visitTexts, type FreeText, type Visit } from './free-text.ts'
import { families, type Family, type Rule, type RuleSet } from './rules.ts'
import { createMatcher, type Match } from './match-rules.ts'
import { pieceCharactersMax } from './view.ts'

/** `observe` counts what it finds and lets everything pass. */
export type FirewallMode = 'block' | 'observe'

/** What is screened of an operation: its schemas decide. */
export type Described = Pick<Operation, 'method' | 'path' | 'params' | 'query'> & {
  readonly body?: Operation['body'] | undefined
}

/** The parts of a request as they are known when its route is called. `body` is the parsed JSON. */
export type Parts = { readonly params: unknown; readonly query: unknown; readonly body: unknown }

/** What was found in one field. */
export type Finding = {
  readonly field: string
  /** false where the schema leaves no room for free text */
  readonly screened: boolean
  readonly scores: Readonly<Partial<Record<Family, number>>>
  /** families whose score reaches their threshold */
  readonly reached: readonly Family[]
  readonly matches: readonly (Match & { readonly excluded: boolean })[]
}

/** Told of every rule that was met: for counters and logs, with names that are ours only. */
export type Witness = (met: {
  readonly route: string
  readonly field: string
  readonly rule: Rule
  readonly outcome: 'refused' | 'observed' | 'noted' | 'excluded'
}) => void

/** Screens one operation. */
export type Screening = {
  readonly route: string
  /** ids of the rules for which the request is refused; none where it passes */
  screen(parts: Parts): Promise<readonly string[]> | readonly string[]
}

export interface Firewall {
  readonly mode: FirewallMode
  readonly thresholds: RuleSet['thresholds']
  /** for the routes to ask before they act */
  screening(operation: Described): Screening
  /** looks at the text of a request whose content is nobody's reason to refuse it */
  observe(route: string, texts: readonly string[]): void
  /** every field of a request with what is found there */
  explain(operation: Described, parts: Parts): Finding[]
  /** one text by itself */
  explainText(text: string): Finding
}

type Options = {
  readonly rules: RuleSet
  readonly mode: FirewallMode
  readonly exclusions: Exclusions
  readonly witness: Witness
}

export function createFirewall({ rules, mode, exclusions, witness }: Options): Firewall {
  const find = createFinder(rules, exclusions)

  function tell(route: string, { field, reached, matches }: Finding, decisive: 'refused' | 'observed'): void {
    for (const { rule, excluded } of matches) {
      const counts = reached.includes(rule.family)
      witness({ route, field, rule, outcome: excluded ? 'excluded' : counts ? decisive : 'noted' })
    }
  }

  /** Rules of the families that reach their threshold, where that refuses the request. */
  function judge(route: string, { field, text }: Text): readonly string[] {
    const found = find(route, field, text)
    if (found.matches.length === 0) return none
    tell(route, found, mode === 'block' ? 'refused' : 'observed')
    if (mode === 'observe') return none
    const decisive = found.matches.filter(({ rule, excluded }) => !excluded && found.reached.includes(rule.family))
    return decisive.map(({ rule }) => rule.id)
  }

  return {
    mode,
    thresholds: rules.thresholds,
    screening(operation) {
      const route = routeOf(operation)
      const places = placesOf(operation)
      return {
        route,
        screen(parts) {
          const texts = textsOf(places, parts)
          if (texts.length === 0) return none
          const characters = texts.reduce((sum, { text }) => sum + text.length, 0)
          if (characters > pieceCharactersMax) return inTurns(texts, (text) => judge(route, text))
          return [...new Set(texts.flatMap((text) => judge(route, text)))]
        },
      }
    },
    observe(route, texts) {
      for (const text of texts) tell(route, find(route, '', text), 'observed')
    },
    explain: (operation, parts) => explainParts(operation, parts, find),
    explainText: (text) => find('', '', text),
  }
}

const routeOf = ({ method, path }: Described): string => `${method} ${path}`

type Find = (route: string, field: string, text: string) => Finding

/** Scores texts; what an exclusion covers does not count. */
function createFinder(rules: RuleSet, exclusions: Exclusions): Find {
  const matchesOf = createMatcher(rules)
  return (route, field, text) => {
    const matches = matchesOf(text).map((match) => ({
      ...match,
      excluded: exclusions.covers(route, field, match.rule.id),
    }))
    const scores: Partial<Record<Family, number>> = {}
    for (const { rule, excluded } of matches) {
      if (!excluded) scores[rule.family] = (scores[rule.family] ?? 0) + rule.weight
    }
    const reached = families.filter((family) => (scores[family] ?? 0) >= rules.thresholds[family])
    return { field, screened: true, scores, reached, matches }
  }
}

function explainParts(operation: Described, parts: Parts, find: Find): Finding[] {
  const found: Finding[] = []
  visitParts(placesOf(operation), parts, (field, text, isFree) => {
    const unscreened = { field, screened: false, scores: {}, reached: [], matches: [] }
    found.push(isFree ? find(routeOf(operation), field, text) : unscreened)
  })
  return found
}

const none: readonly string[] = []

type Places = { readonly params: FreeText; readonly query: FreeText; readonly body: FreeText }

function placesOf({ params, query, body }: Described): Places {
  return {
    params: params === undefined ? 'bound' : freeTextOf(params),
    query: query === undefined ? { members: new Map() } : freeTextOf(query),
    body: typeof body === 'string' ? 'free' : body === undefined ? 'bound' : freeTextOf(body),
  }
}

type Text = { readonly field: string; readonly text: string }

function textsOf(places: Places, parts: Parts): Text[] {
  const texts: Text[] = []
  visitParts(places, parts, (field, text, isFree) => {
    if (isFree && text !== '') texts.push({ field, text })
  })
  return texts
}

function visitParts(places: Places, { params, query, body }: Parts, visit: Visit): void {
  const parameter: Visit = (field, text, isFree) => visit(`parameter:${field.slice(1)}`, text, isFree)
  visitTexts(params, places.params, '', parameter)
  visitTexts(query, places.query, '', parameter)
  visitTexts(body, places.body, '', visit)
}

/** Two pieces share this much, so that nothing hides on the seam. */
const overlapCharacters = 1_024

/** Piece by piece, so that a large body never holds up the others for longer than one piece takes. */
async function inTurns(texts: readonly Text[], judge: (text: Text) => readonly string[]): Promise<string[]> {
  const rules = new Set<string>()
  let since = 0
  for (const { field, text } of texts) {
    for (let from = 0; from < text.length; from += pieceCharactersMax - overlapCharacters) {
      const piece = text.slice(from, from + pieceCharactersMax)
      for (const rule of judge({ field, text: piece })) rules.add(rule)
      since += piece.length
      if (since < pieceCharactersMax / 2) continue
      since = 0
      await setImmediate()
    }
  }
  return [...rules]
}
