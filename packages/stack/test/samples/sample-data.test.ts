import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buddyWebhook } from '@csr/contracts/partners/buddy'
import { kintellWebhook } from '@csr/contracts/partners/kintell'
import { ecornellWebhook } from '@csr/contracts/partners/upskilling'
import { importSchemas } from '@csr/contracts/imports/schemas'
import { sampleData } from '../../src/samples/sample-data.ts'
import { buddies, learners, participants, volunteers } from '../../src/samples/sample-people.ts'
import { ordinaryTexts, specialTexts } from '../../src/samples/sample-texts.ts'

const { chains, files, expected } = sampleData()
const webhooks = chains.flat()
const schemas = { kintell: kintellWebhook, buddy: buddyWebhook, upskilling: ecornellWebhook }

test('the sample data is the same at every call, byte for byte', () => {
  assert.deepEqual(sampleData(), { chains, files, expected })
})

test('there is enough of everything, from all three partners', () => {
  assert.ok(expected.people >= 40 && expected.activities >= 200 && expected.outcomes >= 60)
  assert.deepEqual([...new Set(webhooks.map(({ partner }) => partner))].toSorted(), ['buddy', 'kintell', 'upskilling'])
  assert.deepEqual(files.map(({ schema }) => importSchemas[schema].partner).toSorted(), [
    'buddy',
    'kintell',
    'upskilling',
  ])
})

test('no two people are alike, and every one of them is plainly made up', () => {
  const people = [...participants, ...volunteers, ...buddies, ...learners]
  for (const key of ['email', 'name', 'externalId'] as const) {
    assert.equal(new Set(people.map((person) => person[key])).size, people.length)
  }
  assert.ok(people.every(({ email, name }) => email.endsWith('@example.org') && name.startsWith('Sample ')))
  const named = new Set(everything().match(/sample-[\w-]+@example\.org/g))
  assert.deepEqual([...named].toSorted(), people.map(({ email }) => email).toSorted())
})

test('the texts differ from each other, and some are of languages without a model', () => {
  const texts = [...ordinaryTexts(80), ...specialTexts].map(({ text }) => text)
  assert.equal(new Set(texts).size, texts.length)
  assert.ok(texts.filter((text) => /[æøå]/.test(text)).length >= 2)
  assert.ok(texts.filter((text) => /[а-яії]/.test(text)).length >= 2)
})

test('six webhooks are misshapen, and all others are as their partner promised', () => {
  const bad = webhooks.filter(({ partner, body }) => !schemas[partner].safeParse(JSON.parse(body)).success)
  assert.deepEqual(
    bad.map(({ id }) => id.includes('_bad_')),
    Array.from({ length: 6 }, () => true),
  )
})

test('a correction comes before what it corrects, a rating before its session, and a report months late', () => {
  const bodies = chains.map((chain) =>
    chain.map(({ body }) => JSON.parse(body) as { timestamp: string; data?: object }),
  )
  const sourceId = expected.corrected[0]?.sourceId ?? ''
  const correction = bodies.find((chain) => chain.length === 2 && JSON.stringify(chain[0]).includes('95'))
  assert.ok(correction?.[0] && correction[1])
  assert.ok(correction.every((body) => JSON.stringify(body).includes(`"${sourceId}"`)))
  assert.ok(correction[0].timestamp > correction[1].timestamp)
  const early = chains.find(([one, other]) => one?.id.includes('_rating_') && other?.id.includes('_session_'))
  assert.ok(early)
  const last = webhooks.filter(({ id }) => !id.includes('_bad_') && !id.includes('_corrected')).at(-2)?.body ?? ''
  assert.match(last, /"timestamp":"2026-02/)
})

test('reports are sent again under the same id and under another one', () => {
  const ids = webhooks.map(({ id }) => id)
  assert.equal(ids.length - new Set(ids).size, 3)
  assert.equal(ids.filter((id) => id.endsWith('_again')).length, 6)
})

function everything(): string {
  return webhooks.map(({ body }) => body).join('\n') + files.map(({ content }) => content.toString()).join('\n')
}
