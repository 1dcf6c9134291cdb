import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { arrayOf, statement } from '../src/statement.ts'
import { encode, parseArray, parseInstant } from '../src/values.ts'

test('values become text that means the same to the server', () => {
  const { values } = encode(
    statement('select', [
      ...['text', 7, 7n, true, false, null],
      ...[Buffer.from([0, 255]), new Uint8Array([1]), new Date('2026-11-20T10:00:00Z')],
      ...[['a', 'b"\\', null], [1, 2], { a: [1] }],
    ]),
  )
  assert.deepEqual(values, [
    ...['text', '7', '7', 't', 'f', null],
    ...[String.raw`\x00ff`, String.raw`\x01`, '2026-11-20T10:00:00.000Z'],
    ...[String.raw`{"a","b\"\\",null}`, '{"1","2"}', '{"a":[1]}'],
  ])
})

test('a value without a form in SQL is refused before anything is sent, by its place and not by its content', () => {
  for (const value of [undefined, Symbol('secret'), () => 'secret', [{ secret: 1 }]]) {
    assert.throws(
      () => encode(statement('select', ['first', value])),
      (error: Error) => error instanceof TypeError && error.message.includes('$2') && !error.message.includes('secret'),
    )
  }
})

test('a statement that would end the transaction of its group is refused', () => {
  for (const text of ['commit', ' ROLLBACK', 'begin', 'end;', 'savepoint a', 'abort', 'start transaction']) {
    assert.throws(() => encode(statement(text)), TypeError)
  }
  assert.doesNotThrow(() => encode(statement('select 1 as commit')))
})

test('arrays of text survive the way there and back, whatever they contain', () => {
  fc.assert(
    fc.property(fc.array(fc.option(fc.string({ unit: 'binary' }))), (elements) => {
      assert.deepEqual(
        parseArray(asWrittenByTheServer(elements), (element) => element),
        elements,
      )
    }),
  )
})

/** The server writes NULL in capitals. */
function asWrittenByTheServer(elements: readonly (string | null)[]): string {
  return `{${elements.map((element) => (element === null ? 'NULL' : arrayOf([element]).slice(1, -1))).join(',')}}`
}

test('times come back as RFC 3339 in UTC with milliseconds', () => {
  assert.equal(parseInstant('2026-11-20 10:00:00+00'), '2026-11-20T10:00:00.000Z')
  assert.equal(parseInstant('2026-11-20 10:00:00.1+00'), '2026-11-20T10:00:00.100Z')
  assert.equal(parseInstant('2026-11-20 10:00:00.123987+00'), '2026-11-20T10:00:00.123Z')
  assert.equal(parseInstant('infinity'), 'infinity')
})
