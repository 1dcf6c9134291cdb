import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import type { ProblemError } from '../src/problem.ts'
import { jsonDepthMax, parseJson } from '../src/json.ts'

const parse = (text: string): unknown => parseJson(Buffer.from(text))

test('malformed JSON and malformed UTF-8 are json-invalid', () => {
  for (const text of ['', '{', '{"a":}', "{'a':1}", '{"a":NaN}', '{"a":1}x', '\u0000']) {
    assert.throws(() => parse(text), { code: 'json-invalid' }, text)
  }
  assert.throws(() => parseJson(Buffer.from([0x22, 0xc3, 0x28, 0x22])), { code: 'json-invalid' })
  assert.deepEqual(parse('\ufeff{"a":1}'), { a: 1 })
})

test('keys that pollute prototypes are refused wherever they stand, and pollute nothing', () => {
  for (const text of [
    '{"__proto__":{"x":1}}',
    '{"a":[{"constructor":{"prototype":{"x":1}}}]}',
    '{"\\u005f_proto__":1}',
  ]) {
    assert.throws(() => parse(text), { code: 'body-invalid' }, text)
  }
  assert.equal(({} as { x?: number }).x, undefined)
})

test('numbers that are not exact, NUL and halves of surrogate pairs are refused with a pointer', () => {
  for (const [text, pointer] of [
    ['{"a":[1,9007199254740993]}', '/a/1'],
    ['{"a":1e999}', '/a'],
    ['{"a/b":{"~":"\\u0000"}}', '/a~1b/~0'],
    ['"\\ud800"', ''],
    ['{"\\udc00":1}', ''],
  ] as const) {
    const matches = (error: ProblemError) => error.code === 'body-invalid' && error.errors?.[0]?.pointer === pointer
    assert.throws(() => parse(text), matches, text)
  }
  assert.equal(parse('9007199254740991'), Number.MAX_SAFE_INTEGER)
})

test('nesting is limited, and nesting without end is refused without harm', () => {
  const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth)
  parse(nested(jsonDepthMax))
  assert.throws(() => parse(nested(jsonDepthMax + 1)), { code: 'body-invalid' })
  assert.throws(() => parse(nested(400_000)), { name: 'ProblemError' })
})

test('of duplicate keys the last counts', () => {
  assert.deepEqual(parse('{"a":1,"a":2}'), { a: 2 })
})

test('whatever JSON.stringify writes of harmless values comes back as it was', () => {
  const text = fc.string({ unit: 'grapheme' }).filter((value) => !value.includes('\u0000') && value.isWellFormed())
  const key = text.filter((value) => value !== '__proto__' && value !== 'constructor')
  const { tree } = fc.letrec((tie) => ({
    leaf: fc.oneof(text, fc.boolean(), fc.constant(null), fc.maxSafeInteger()),
    tree: fc.oneof(
      { depthSize: 'small' },
      tie('leaf'),
      fc.array(tie('tree')),
      fc.dictionary(key, tie('tree'), { noNullPrototype: true }),
    ),
  }))
  fc.assert(
    fc.property(tree, (value) => assert.deepEqual(parse(JSON.stringify(value)), value)),
    { numRuns: 200 },
  )
})
