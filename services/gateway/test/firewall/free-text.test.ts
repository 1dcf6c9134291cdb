import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { freeTextOf, visitTexts } from '../../src/firewall/free-text.ts'
import { forwarding } from '../../src/forwarding.ts'

function visited(schema: z.ZodType, value: unknown): string[] {
  const free: string[] = []
  visitTexts(value, freeTextOf(schema), '', (field, text, isFree) => {
    if (isFree) free.push(`${field}=${text}`)
  })
  return free
}

test('strings without a form of their own are free text, whatever they are wrapped in', () => {
  const text = z.string().trim().min(1).max(50)
  for (const schema of [
    text,
    text.optional(),
    text.nullish(),
    text.default('a'),
    text.readonly(),
    text.transform(Number),
  ]) {
    assert.deepEqual(visited(schema, 'x'), ['=x'])
  }
  assert.deepEqual(visited(z.union([z.uuid(), z.string()]), 'x'), ['=x'])
  for (const schema of [z.url(), z.unknown(), z.any(), z.string().regex(/a/), z.string().includes('a')]) {
    assert.deepEqual(visited(schema, 'x'), ['=x'])
  }
})

test('a format, a closed list or a number leaves no room', () => {
  const bound = [
    z.uuid(),
    z.guid(),
    z.email(),
    z.iso.datetime(),
    z.enum(['a', 'b']),
    z.literal('a'),
    z.number(),
    z.boolean(),
  ]
  const checks = [
    z.string().regex(/^[a-z]+$/),
    z.coerce.number(),
    z.uuid().optional(),
    z.union([z.uuid(), z.literal('a')]),
    z.date(),
  ]
  for (const schema of [...bound, ...checks]) assert.deepEqual(visited(schema, 'x'), [])
})

test('fields are named by the schema, items by a star, and what nobody described by a question mark', () => {
  const schema = z.strictObject({
    id: z.uuid(),
    notes: z.array(z.strictObject({ text: z.string() })),
    any: z.unknown(),
  })
  const value = { id: 'a', notes: [{ text: 'b' }, { text: 'c', more: 'd' }], any: { e: ['f'] }, g: 'h' }
  assert.deepEqual(visited(schema, value), [
    ...['/notes/*/text=b', '/notes/*/text=c', '/notes/*/?=more', '/notes/*/?=d'],
    ...['/any/?=e', '/any/?/*=f', '/?=g', '/?=h'],
  ])
})

test('a value of another shape than the schema says is free text all the way down', () => {
  const schema = z.strictObject({ text: z.string() })
  assert.deepEqual(visited(schema, { text: { $gt: 'a' } }), ['/text/?=$gt', '/text/?=a'])
  assert.deepEqual(visited(schema, ['a']), ['/*=a'])
  assert.deepEqual(visited(schema, 'a'), ['=a'])
})

test('the texts that people write reach the firewall, ids and dates do not', () => {
  const bodyOf = (path: string): z.ZodType => {
    const row = forwarding.find(({ operation }) => operation.path === path && operation.method === 'POST')
    assert.ok(row?.operation.body && typeof row.operation.body !== 'string', path)
    return row.operation.body
  }
  assert.deepEqual(visited(bodyOf('/v1/outcomes/scores'), { text: 'a' }), ['/text=a'])
  assert.deepEqual(visited(bodyOf('/v1/safety/screenings'), { text: 'a' }), ['/text=a'])
  const request = { subjectId: 'a', identityCheckedBy: 'b' }
  assert.deepEqual(visited(bodyOf('/v1/privacy/export'), request), ['/identityCheckedBy=b'])
})
