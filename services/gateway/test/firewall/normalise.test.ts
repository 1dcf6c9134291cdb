import assert from 'node:assert/strict'
import { test } from 'node:test'
import { base64View, joinComments, plainView } from '../../src/firewall/normalise.ts'
import type { View } from '../../src/firewall/view.ts'

const textOf = ({ codes, length }: View): string =>
  String.fromCharCode(...codes.subarray(0, length))
    .replaceAll('\ue00a', '⏎')
    .replaceAll('\ue000', '␀')
const plain = (text: string): string => textOf(plainView(text))

test('every layer of escapes comes off: URL, twice, %u, JSON, hexadecimal, entities, mixed', () => {
  const written = [
    "<a'>",
    '%3Ca%27%3E',
    '%253Ca%2527%253E',
    '%u003ca%u0027%u003e',
    '\\u003ca\\u0027\\u003e',
    '\\x3ca\\x27\\x3e',
  ]
  const entities = [
    '&lt;a&apos;&gt;',
    '&#60;a&#39;&#62;',
    '&#x3c;a&#x27;&#x3E;',
    '&#60a&#39&#62',
    '%26lt;a%26%2339;%26gt;',
    '\\u{3c}a\\u{27}\\u{3e}',
  ]
  const letters = ['＜a＇＞', '＜ａ＇＞', '%EF%BC%9Ca%EF%BC%87%EF%BC%9E', '<\u00ada\u200b’>']
  for (const text of [...written, ...entities, ...letters]) assert.equal(plain(text), "<a'>", text)
})

test('what is no escape stays as it is', () => {
  for (const text of [
    '50% of 80',
    '100 %',
    '%',
    '%2',
    '%zz',
    '&',
    '& Co',
    '&unknown;',
    '&;',
    '\\',
    'C:\\new\\u12',
    '%ff',
    'a+b',
    '&#;',
  ]) {
    assert.equal(plain(text), text)
  }
})

test('a plus is a blank only where the text is a form', () => {
  assert.equal(plain('%27+or+1'), "' or 1")
  assert.equal(plain('1+1=2'), '1+1=2')
})

test('line breaks and NUL that were hidden in escapes stay recognisable', () => {
  assert.equal(plain('a%0d%0ab%00'), 'a⏎⏎b␀')
  assert.equal(plain('a\\r\\nb'), 'a⏎b')
  assert.equal(plain('a\r\nb'), 'a\r\nb')
})

test('the way a text was written is noted: encoded, twice, longer than UTF-8 allows, steps of a path', () => {
  const traits = (text: string): string[] => [...plainView(text).traits].toSorted()
  assert.deepEqual(traits('plain text, 100 % plain'), [])
  assert.deepEqual(traits('%41'), ['encoded'])
  assert.deepEqual(traits('%2541'), ['encoded', 'encoded-twice'])
  assert.deepEqual(traits('%c0%ae'), ['encoded', 'encoded-path', 'overlong'])
  assert.deepEqual(traits('%2e%2e/'), ['encoded', 'encoded-path'])
  assert.deepEqual(traits('%C3%A5'), ['encoded'])
})

test('at most three layers come off, so that time is bounded', () => {
  assert.equal(plain('%25252541'), '%41')
})

test('Base64 that is readable is read, in either alphabet, with or without padding; words are left alone', () => {
  const decoded = (text: string): string | null => {
    const view = base64View(plainView(text))
    return view && textOf(view).trim()
  }
  assert.equal(decoded(`x ${Buffer.from("' or 1=1--").toString('base64')} y`), "' or 1=1--")
  assert.equal(decoded(Buffer.from('a?>b~~c~~d').toString('base64url')), 'a?>b~~c~~d')
  assert.equal(decoded(Buffer.from('%3Cscript%3E').toString('base64')), '<script>')
  for (const text of ['menneskerettighetsorganisasjonene', 'short', 'learning/teaching', 'aaaaaaaaaaaaaaaaaaaa', '']) {
    assert.equal(decoded(text), null, text)
  }
})

test('comments are taken out, those of MySQL that run are not', () => {
  const joined = (text: string): string => {
    const view = plainView(text)
    joinComments(view)
    return textOf(view)
  }
  assert.equal(joined('UN/* x */ION SEL/**/ECT'), 'UNION SELECT')
  assert.equal(joined('<scr<!-- x -->ipt>'), '<script>')
  assert.equal(joined('a/*b'), 'a/*b')
  assert.equal(joined('a*/b/*c'), 'a*/b/*c')
  assert.equal(joined('/*!50000UNION*/'), '/*!50000UNION*/')
})

test('whatever is thrown at it, it neither fails nor grows the text', () => {
  let seed = 7
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0
    return (seed >>> 8) % below
  }
  const parts = [
    '%',
    '%2',
    '%25',
    '&#',
    '&lt;',
    '\\u',
    '\\x4',
    '/*',
    '*/',
    '<!--',
    '-->',
    'a',
    '\ud800',
    '＜',
    '\u0000',
    ' ',
    "'",
    'QUJDREVGR0g=',
  ]
  for (let round = 0; round < 3_000; round += 1) {
    const text = Array.from({ length: random(40) }, () => parts[random(parts.length)] ?? '').join('')
    const view = plainView(text)
    assert.ok(view.length <= text.normalize('NFKC').length)
    base64View(view)
    joinComments(view)
  }
})
