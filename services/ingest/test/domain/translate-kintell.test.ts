import assert from 'node:assert/strict'
import test from 'node:test'
import * as fc from 'fast-check'
import { reasonsMax } from '../../src/domain/find-unsafe-values.ts'
import { readBody } from '../../src/domain/read-body.ts'
import { translateKintell } from '../../src/domain/translate-kintell.ts'
import type { Translation } from '../../src/domain/translation.ts'
import { kintellSession } from '../sample-bodies.ts'

function reasonsOf(translation: Translation): string[] {
  assert.equal(translation.outcome, 'misshapen')
  return translation.outcome === 'misshapen' ? translation.reasons.map((reason) => reason.pointer) : []
}

test('a completed session becomes a report with two people, times in UTC and the text with the participant', () => {
  const translation = translateKintell(kintellSession({ participant: { email: ' Participant-1@Example.org ' } }), null)
  assert.deepEqual(translation, {
    outcome: 'report',
    report: {
      kind: 'session.completed',
      partner: 'kintell',
      identity: { by: 'source', sourceId: 'session-1' },
      reportedAt: '2026-11-20T10:05:00.000Z',
      occurredAt: '2026-11-20T10:00:00.000Z',
      precision: 'instant',
      programme: 'Language Connect',
      people: [
        { role: 'participant', email: 'participant-1@example.org', name: null, phone: null, externalId: null },
        { role: 'volunteer', email: 'volunteer-1@example.org', name: 'Volunteer One', phone: null, externalId: null },
      ],
      rating: 0.75,
      text: { author: 0, value: 'I feel more confident speaking now' },
      details: {
        sessionType: 'language',
        scheduledAt: '2026-11-20T09:00:00.000Z',
        completedAt: '2026-11-20T10:00:00.000Z',
        durationMinutes: 60,
        languageLevel: 'B1',
        topics: ['work', 'daily life'],
      },
      kept: null,
    },
  })
})

test('a plain day is that day, 00:00 UTC; without a completion the planned time counts', () => {
  const translation = translateKintell(
    kintellSession({ scheduledAt: '2026-11-19', completedAt: null, programme: null }),
    'Default',
  )
  assert.equal(translation.outcome, 'report')
  if (translation.outcome !== 'report') return
  assert.equal(translation.report.occurredAt, '2026-11-19T00:00:00.000Z')
  assert.equal(translation.report.precision, 'day')
  assert.equal(translation.report.programme, 'Default')
})

test('a misshapen body is told every reason at once, by pointer and without values', () => {
  const body = kintellSession({
    participant: { email: 'secret-value' },
    rating: 7,
    scheduledAt: 'secret-value',
    topics: [1],
  })
  const translation = translateKintell(body, null)
  assert.deepEqual(reasonsOf(translation).toSorted(), [
    '/data/participant/email',
    '/data/rating',
    '/data/scheduledAt',
    '/data/topics/0',
  ])
  assert.ok(!JSON.stringify(translation).includes('secret-value'))
})

test('an unknown type, an array, a number and null are misshapen, not an error', () => {
  assert.deepEqual(reasonsOf(translateKintell(kintellSession({}, { type: 'session.unknown' }), null)), ['/type'])
  for (const body of [[], 1, null, 'text', true]) assert.deepEqual(reasonsOf(translateKintell(body, null)), [''])
})

test('NUL, lone surrogates, numbers outside ±2^53, prototype names and deep nesting are refused with their place', () => {
  const cases: [string, string][] = [
    ['{"data":{"feedbackText":"a\\u0000b"}}', '/data/feedbackText'],
    ['{"data":{"feedbackText":"\\ud800"}}', '/data/feedbackText'],
    ['{"data":{"durationMinutes":9007199254740993}}', '/data/durationMinutes'],
    ['{"data":{"rating":1e999}}', '/data/rating'],
    ['{"__proto__":{"admin":true}}', '/*'],
    ['{"data":{"constructor":1}}', '/data/*'],
    ['{"data":{"participant-1@example.org":"\\u0000"}}', '/data/*'],
    ['{"data":{"a\\u0000":1}}', '/data/*'],
    [`{"data":${'['.repeat(5_000)}${']'.repeat(5_000)}}`, `/data${'/0'.repeat(31)}`],
  ]
  for (const [text, pointer] of cases) {
    const translation = translateKintell(readBody(Buffer.from(text))?.value, null)
    assert.ok(reasonsOf(translation).includes(pointer), `${text.slice(0, 60)} -> ${reasonsOf(translation).join(' ')}`)
    assert.ok(!JSON.stringify(translation).includes('example.org'))
  }
  assert.equal(({} as { admin?: boolean }).admin, undefined)
})

test('times outside 1900 to 2199, impossible days and over-long fractions are misshapen', () => {
  for (const scheduledAt of [
    '0000-01-01T00:00:00Z',
    '1899-12-31',
    '2200-01-01',
    '2026-02-30',
    '2026-11-20T25:00:00Z',
    `2026-11-20T10:00:00.${'1'.repeat(100)}Z`,
  ]) {
    assert.deepEqual(
      reasonsOf(translateKintell(kintellSession({ scheduledAt }), null)),
      ['/data/scheduledAt'],
      scheduledAt,
    )
  }
})

const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined })
const text = (maxLength: number) =>
  fc.string({ unit: 'grapheme', maxLength }).filter((value) => value.length <= maxLength && !value.includes('\0'))
const email = fc
  .tuple(fc.stringMatching(/^[a-zæøåі]{1,20}$/), fc.stringMatching(/^[a-z]{1,10}$/))
  .map(([name, host]) => `${name}@${host}.example.org`)
const time = fc.oneof(
  fc
    .date({ min: new Date('1901-01-01'), max: new Date('2198-01-01'), noInvalidDate: true })
    .map((date) => date.toISOString()),
  fc
    .date({ min: new Date('1901-01-01'), max: new Date('2198-01-01'), noInvalidDate: true })
    .map((date) => date.toISOString().slice(0, 10)),
  fc.constantFrom('2026-11-20T10:00:00+23:59', '2026-11-20T10:00:00.123456789-11:30', '2024-02-29T00:00:00Z'),
)
const person = fc.record({
  email,
  name: optional(text(200)),
  phone: optional(text(50)),
  externalId: optional(text(200)),
})
const session = fc.record({
  sessionId: fc.stringMatching(/^[!-~]{1,200}$/),
  sessionType: fc.constantFrom('language', 'mentorship'),
  participant: person,
  volunteer: person,
  scheduledAt: time,
  completedAt: optional(time),
  durationMinutes: optional(fc.integer({ min: 1, max: 480 })),
  rating: optional(fc.double({ min: 0, max: 1, noNaN: true })),
  feedbackText: optional(text(5_000)),
  languageLevel: optional(fc.constantFrom('A1', 'A2', 'B1', 'B2', 'C1', 'C2')),
  topics: optional(fc.array(text(100), { maxLength: 50 })),
})

test('any valid body translates, with every time in canonical form', () => {
  fc.assert(
    fc.property(session, (data) => {
      const translation = translateKintell(JSON.parse(JSON.stringify(kintellSession(data))), null)
      assert.equal(translation.outcome, 'report', JSON.stringify(translation))
      if (translation.outcome !== 'report') return
      const { occurredAt, reportedAt, details } = translation.report
      for (const instant of [occurredAt, reportedAt, 'scheduledAt' in details ? details.scheduledAt : '']) {
        assert.match(instant, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
      }
    }),
  )
})

test('no JSON value throws, and no reason repeats a value', () => {
  const marker = 'value-nobody-may-see'
  const hostile = fc.oneof(
    fc.jsonValue(),
    fc.constant(marker),
    fc.constant('\0'),
    fc.constant('\ud800'),
    fc.constant(1e300),
  )
  const names = fc.constantFrom('participant', 'sessionId', 'rating', 'topics', 'feedbackText', 'scheduledAt', marker)
  fc.assert(
    fc.property(
      fc.dictionary(names, hostile),
      fc.dictionary(fc.constantFrom('type', 'timestamp', 'data', marker), hostile),
      (data, envelope) => {
        const translation = translateKintell(kintellSession(data, envelope), null)
        if (translation.outcome === 'report') return
        assert.ok(translation.reasons.length > 0 && translation.reasons.length <= reasonsMax)
        assert.ok(!JSON.stringify(translation.reasons).includes(marker))
      },
    ),
  )
})

test('a byte order mark is skipped; what is not UTF-8 or not JSON is no body', () => {
  assert.deepEqual(readBody(Buffer.from('\ufeff{"a":1}')), { value: { a: 1 } })
  assert.deepEqual(readBody(Buffer.from('{"a":1,"a":2}')), { value: { a: 2 } })
  for (const bytes of [
    Buffer.from([0x22, 0xff, 0x22]),
    Buffer.from(''),
    Buffer.from('{'),
    Buffer.from('{"a":"\n"}'),
    Buffer.from('NaN'),
  ]) {
    assert.equal(readBody(bytes), null)
  }
})
