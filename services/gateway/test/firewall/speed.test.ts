import assert from 'node:assert/strict'
import { test } from 'node:test'
import { noExclusions } from '../../src/firewall/exclusions.ts'
import { createFirewall } from '../../src/firewall/firewall.ts'
import { loadRules } from '../../src/firewall/rules.ts'
import { attacks, harmless } from './corpus.ts'

const { explainText } = createFirewall({
  ...{ rules: loadRules(), mode: 'block', exclusions: noExclusions },
  witness: () => undefined,
})

/*
 * What a text costs beside a text that people wrote, of the same length and in the same moments: the machine may be as slow
 * as it likes. How long that is stands in `npm run bench -- --only firewall`.
 */
const characters = 65_536
/** A text of 64 KB may take 5 ms where one that people wrote takes two. */
const timesMost = 2.5
const runsMost = 40

const written = harmless
  .map(({ text }) => text)
  .join(' ')
  .repeat(40)

function costOf(text: string): number {
  const startedMs = performance.now()
  explainText(text)
  return performance.now() - startedMs
}

/** How many times as much as `measure` a text costs, best against best; looks no longer than until it is little enough. */
function timesOf(text: string, measure: string, enough: number): number {
  let [best, bestOfMeasure] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]
  for (let run = 0; run < runsMost; run += 1) {
    bestOfMeasure = Math.min(bestOfMeasure, costOf(measure))
    best = Math.min(best, costOf(text))
    if (run > 0 && best / bestOfMeasure < enough) break
  }
  return best / bestOfMeasure
}

const fill = (pattern: string): string => pattern.repeat(Math.ceil(characters / pattern.length)).slice(0, characters)

function warmUp(): void {
  for (const { text } of [...attacks, ...harmless]) explainText(text)
}

function assertFast(patterns: readonly string[]): void {
  warmUp()
  for (const pattern of patterns) {
    const times = timesOf(fill(pattern), written.slice(0, characters), timesMost)
    assert.ok(times < timesMost, `64 KB of ${JSON.stringify(pattern)} cost ${times.toFixed(1)} times what people write`)
  }
}

test('64 KB of any single character cost little more than what people write', () => {
  const ascii = Array.from({ length: 0x7f }, (_, code) => String.fromCharCode(code))
  assertFast([
    ...ascii,
    '\u00a0',
    'é',
    'ß',
    'ﬁ',
    'ﷺ',
    'ж',
    'є',
    '＜',
    '⁄',
    '　',
    '中',
    '😀',
    '\ud835\udc00',
    '\ufeff',
    '\u0301',
  ])
})

test('64 KB of any repeated pattern cost little more than what people write: beginnings of attacks, escapes, comments, nesting', () => {
  const beginnings = [
    "' ",
    "' or ",
    "' or 1",
    "' or '1'=",
    "x' and (",
    '1 or ',
    '" || ',
    'union ',
    'union select ',
    '; ',
    '; cat ',
  ]
  const markup = [
    '<',
    '< ',
    '<a ',
    '<a x=',
    '<script',
    '<script ',
    '<svg ',
    '<!--',
    '-->',
    '<!',
    'on',
    'onload=',
    'javascript:',
  ]
  const escapes = [
    '%',
    '%2',
    '%25',
    '%25%32',
    '%u00',
    '%c0%',
    '&',
    '&#',
    '&#x',
    '&lt;',
    '&amp;',
    '\\',
    '\\u',
    '\\u0027',
    '\\x2',
    '+ ',
  ]
  const others = [
    '/*',
    '*/',
    '/**/',
    '/*!',
    '/* ',
    '*',
    '../',
    '..',
    '..\\',
    './',
    '{{',
    '{{ ',
    '${',
    '${${',
    '{%',
    '#{',
    '<%',
    '((',
    '[[',
  ]
  const more = [
    'http://',
    'http://1',
    'http://[',
    '$gt',
    '{"$',
    '|',
    '| ',
    '`',
    '` ',
    '$(',
    '\r\n',
    '\n',
    '%0a',
    '%0aa:',
    'a:',
    '\u0000',
    'a\u0000',
  ]
  const words = [
    'a ',
    'a',
    'select ',
    'or ',
    'cat ',
    'A1',
    '1 ',
    '0x',
    '0x1 ',
    'aaaaaaaaaaaa ',
    'PHNjcmlwdD5h',
    'привіт ',
    'п’я',
    'аa',
    "O'Brien ",
  ]
  assertFast([...beginnings, ...markup, ...escapes, ...others, ...more, ...words])
})

test('64 KB of an attack again and again, of any kind, cost little more than what people write', () => {
  assertFast(attacks.filter((_, at) => at % 7 === 0).map(({ text }) => text))
})

test('a short text costs what its length is: 64 of 1 KB as much as one of 64 KB', () => {
  warmUp()
  const times = timesOf(written.slice(0, characters / 64), written.slice(0, characters), 1.5 / 64) * 64
  assert.ok(times < 1.5, `64 times 1 KB cost ${times.toFixed(1)} times 64 KB`)
})
