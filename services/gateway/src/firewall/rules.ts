import classes from './rules/classes.json' with { type: 'json' }
import command from './rules/command.json' with { type: 'json' }
import nosql from './rules/nosql.json' with { type: 'json' }
import path from './rules/path.json' with { type: 'json' }
import protocol from './rules/protocol.json' with { type: 'json' }
import sql from './rules/sql.json' with { type: 'json' }
import ssrf from './rules/ssrf.json' with { type: 'json' }
import template from './rules/template.json' with { type: 'json' }
import xss from './rules/xss.json' with { type: 'json' }
import { indexPatterns, type Starts } from './index-patterns.ts'
import { compilePattern, elementsOf, literalsOf, type Pattern } from './pattern.ts'
import type { Trait } from './view.ts'
import { createVocabulary, type Vocabulary } from './vocabulary.ts'

/** What a rule says in its file. `rules/README.md` explains how patterns are written. */
type RuleFile = {
  readonly family: string
  readonly threshold: number
  readonly rules: readonly {
    readonly id: string
    /** added to the score of the family, once per text, however often the rule is met */
    readonly weight: number
    /** why this is suspicious, for somebody who has never seen this file */
    readonly reason: string
    readonly patterns?: readonly string[]
    /** counts only where the text holds no more words than this that no rule knows */
    readonly wordsMax?: number
    /** counts only where the text was written so; with no patterns, being written so is enough */
    readonly trait?: string
  }[]
}

export type Rule = {
  readonly id: string
  readonly family: Family
  readonly weight: number
  readonly reason: string
  readonly wordsMax: number
  readonly trait: Trait | null
  readonly patterns: readonly Pattern[]
}

export const families = ['sql', 'nosql', 'xss', 'path', 'command', 'template', 'ssrf', 'protocol'] as const
export type Family = (typeof families)[number]

export type RuleSet = {
  readonly rules: readonly Rule[]
  readonly thresholds: Readonly<Record<Family, number>>
  readonly vocabulary: Vocabulary
  readonly starts: Starts
}

const files: Readonly<Record<Family, RuleFile>> = { sql, nosql, xss, path, command, template, ssrf, protocol }

/** Reads and compiles all rule files. Throws where one says something that cannot be. */
export function loadRules(): RuleSet {
  const named = new Map(Object.entries(classes).map(([name, list]) => [name, list.split(' ')]))
  const written = Object.values(files).flatMap((file) => file.rules.flatMap((rule) => rule.patterns ?? []))
  const words = [...[...named.values()].flat(), ...written.flatMap((text) => elementsOf(text).flatMap(literalsOf))]
  const vocabulary = createVocabulary(words.filter((word) => /^[a-z0-9_]+$/.test(word)))
  const rules = families.flatMap((family) =>
    files[family].rules.map((rule): Rule => ({
      ...{ id: rule.id, family, weight: rule.weight, reason: rule.reason },
      wordsMax: rule.wordsMax ?? Number.POSITIVE_INFINITY,
      trait: (rule.trait ?? null) as Trait | null,
      patterns: (rule.patterns ?? []).map((text) => compilePattern(text, { vocabulary, classes: named })),
    })),
  )
  const thresholds = Object.fromEntries(families.map((family) => [family, files[family].threshold]))
  return {
    rules,
    thresholds: thresholds as Record<Family, number>,
    vocabulary,
    starts: indexPatterns(rules, vocabulary),
  }
}
