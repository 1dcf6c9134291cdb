import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { catalog } from '@csr/contracts/events/catalog'
import { breaksOf, keepPublished } from '../src/generate/published-events.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const folder = 'contracts/generated/events'

type Schema = { properties: Record<string, Schema>; required: string[]; [keyword: string]: unknown }
const published = readdirSync(join(root, folder)).map(
  (name) => JSON.parse(readFileSync(join(root, folder, name), 'utf8')) as Schema & { title: string },
)

/** The data of an event, changed. */
function changed(schema: Schema, change: (data: Schema) => void): Schema {
  const copy = structuredClone(schema)
  change(copy.properties['data'] as Schema)
  return copy
}

const required = (data: Schema): string => data.required[0] ?? ''

const faults: Readonly<Record<string, (data: Schema) => void>> = {
  'a field removed': (data) => {
    const name = required(data)
    delete data.properties[name]
    data.required = data.required.filter((other) => other !== name)
  },
  'a field added that must be there': (data) => {
    data.properties['added'] = { type: 'string' } as unknown as Schema
    data.required.push('added')
  },
  'a field made optional': (data) => void data.required.shift(),
  'a type changed': (data) => void (data.properties[required(data)] = { type: 'boolean' } as unknown as Schema),
  'a limit narrowed': (data) => Object.assign(data.properties[required(data)] ?? {}, { maxLength: 1, minimum: 999 }),
  'unknown fields refused': (data) => void (data['additionalProperties'] = false),
}

for (const [fault, plant] of Object.entries(faults)) {
  test(`P9: of no published event can it go unnoticed: ${fault}`, () => {
    assert.ok(published.length >= 30)
    for (const schema of published) assert.notDeepEqual(breaksOf(schema, changed(schema, plant)), [], schema.title)
  })
}

test('a field may come that can be left out, and words may explain it', () => {
  for (const schema of published) {
    const next = changed(schema, (data) => {
      data.properties['added'] = { type: 'string', description: 'new' } as unknown as Schema
      data['description'] = 'said better'
    })
    assert.deepEqual(breaksOf(schema, next), [], schema.title)
  }
})

test('what lies deep inside is seen as well: one more word of an enum, a member of a list', () => {
  const session = published.find(({ title }) => title === 'ingest.session.completed.v1')
  assert.ok(session)
  const member = (data: Schema, name: string): Schema => data.properties[name] as Schema
  const wider = changed(session, (data) => void (member(data, 'partner')['enum'] as string[]).push('another'))
  assert.deepEqual(breaksOf(session, wider), ['enum of data.partner was changed'])
  const role = changed(session, (data) => {
    delete (member(data, 'people')['items'] as Schema).properties['role']
  })
  assert.deepEqual(breaksOf(session, role), ['data.people[].role was removed'])
})

test('a published schema stays where a change would break it, and the reason is told', () => {
  const copy = mkdtempSync(join(tmpdir(), 'csr-published-'))
  try {
    mkdirSync(join(copy, folder), { recursive: true })
    const [schema] = published
    assert.ok(schema)
    const path = `${folder}/${schema.title}.schema.json`
    writeFileSync(join(copy, path), JSON.stringify(schema))
    const text = JSON.stringify(changed(schema, (data) => void data.required.pop()))
    const { files, broken } = keepPublished(copy, [{ path, text }])
    assert.equal(files[0]?.text, JSON.stringify(schema))
    assert.equal(broken.length, 1)
    assert.match(broken[0] ?? '', /made optional or required; a new shape is a new version/)
  } finally {
    rmSync(copy, { recursive: true, force: true })
  }
})

test('every event of the catalog is published, with a golden payload', () => {
  const types = Object.keys(catalog).toSorted()
  assert.deepEqual(published.map(({ title }) => title).toSorted(), types)
  const golden = readdirSync(join(root, 'contracts/golden')).map((name) => name.replace(/\.json$/, ''))
  assert.deepEqual(golden.toSorted(), types)
})
