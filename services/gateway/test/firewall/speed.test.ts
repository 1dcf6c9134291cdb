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

const characters = 65_536
const longestMs = 5

/** The best of so many runs, or of those until one took half of what is allowed: what the text costs, not what else runs. */
function bestMs(text: string, runs: number): number {
  let best = Number.POSITIVE_INFINITY
  for (let run = 0; run < runs && best > longestMs / 2; run += 1) {
    const startedMs = performance.now()
    explainText(text)
    best = Math.min(best, performance.now() - startedMs)
  }
  return best
}

const fill = (pattern: string): string => pattern.repeat(Math.ceil(characters / pattern.length)).slice(0, characters)

function warmUp(): void {
  for (const { text } of [...attacks, ...harmless]) explainText(text)
}

function assertFast(patterns: readonly string[]): void {
  warmUp()
  for (const pattern of patterns) {
    const ms = bestMs(fill(pattern), 25)
    assert.ok(ms < longestMs, `64 KB of ${JSON.stringify(pattern)} took ${ms.toFixed(2)} ms`)
  }
}

test('64 KB of any single character take less than 5 ms', () => {
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

test('64 KB of any repeated pattern take less than 5 ms: beginnings of attacks, escapes, comments, nesting', () => {
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

test('64 KB of an attack again and again, of any kind, take less than 5 ms', () => {
  assertFast(attacks.filter((_, at) => at % 7 === 0).map(({ text }) => text))
})

test('1 KB that people wrote costs less than 50 µs at the median', () => {
  warmUp()
  const texts = harmless.map((_, at) =>
    harmless
      .slice(at, at + 40)
      .map(({ text }) => text)
      .join(' ')
      .slice(0, 1_024),
  )
  const whole = texts.filter((text) => text.length === 1_024)
  const costsUs = [...whole, ...whole].map((text) => {
    const startedMs = performance.now()
    explainText(text)
    return (performance.now() - startedMs) * 1_000
  })
  const median = costsUs.toSorted((a, b) => a - b)[Math.floor(costsUs.length / 2)] ?? 0
  assert.ok(median < 50, `${median.toFixed(1)} µs`)
})
