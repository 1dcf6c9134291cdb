import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { catalog, versionsOf, type EventName } from '@csr/contracts/events/catalog'
import type { Event } from '@csr/contracts/events/envelope'
import { sessionCompleted } from '@csr/contracts/events/ingest'
import { upcasters } from '@csr/contracts/events/upcasters'
import { uuidTimeMs } from '@csr/runtime/ids'
import { z } from 'zod'
import { createReader, type Verdict } from '../src/held.ts'

const folder = new URL('../../../contracts/golden/', import.meta.url)
const golden = readdirSync(folder).map((name) => JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as Event)

const nameOf = (type: string): EventName => type.replace(/\.v\d+$/, '') as EventName

function read(event: Event, name: EventName = nameOf(event.type)): Verdict {
  const place = { stream: 'S', epoch: 'e', sequence: 1, storedAtMs: 0, messageId: null, traceparent: null }
  const received = { ...place, topic: event.type, bytes: Buffer.from(JSON.stringify(event)) }
  return createReader(name)(received, uuidTimeMs(event.id)).verdict
}

function handled(verdict: Verdict): Event {
  assert.equal(verdict.kind, 'handle')
  return (verdict as { event: Event }).event
}

test('P9: every event that was ever published is read by the present code, with nothing left out', () => {
  assert.ok(golden.length >= 30)
  for (const event of golden) {
    const { data, ...about } = handled(read(event))
    const { data: sent, ...said } = event
    assert.deepEqual(about, said)
    if (!(event.type in upcasters)) assert.partialDeepStrictEqual(data, sent, event.type)
  }
})

test('fields that a reader does not know are let through and left out, at every depth', () => {
  const strange = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(strange)
    if (typeof value !== 'object' || value === null) return value
    const members = Object.entries(value).map(([name, member]) => [name, strange(member)])
    return { ...Object.fromEntries(members), fromTomorrow: { any: ['thing'] } }
  }
  for (const event of golden) assert.deepEqual(handled(read(strange(event) as Event)), handled(read(event)), event.type)
})

test('every version but the newest has an upcaster to the next', () => {
  for (const type of Object.keys(catalog)) {
    const versions: string[] = versionsOf(nameOf(type))
    const next = versions[versions.indexOf(type) + 1]
    const step = (upcasters as Record<string, { to: string } | undefined>)[type]
    assert.equal(step?.to, next, type)
  }
})

/** Two versions that exist in this test only: durations become seconds, then a place of their own. */
const second = sessionCompleted.omit({ durationMinutes: true }).extend({ durationSeconds: z.number().nullable() })
const third = second.omit({ durationSeconds: true }).extend({ duration: z.object({ seconds: z.number().nullable() }) })

function withVersions(run: () => void): void {
  const schemas = catalog as Record<string, unknown>
  const steps = upcasters as Record<string, unknown>
  const name = 'ingest.session.completed'
  const added = [`${name}.v2`, `${name}.v10`] as const
  schemas[added[0]] = second
  schemas[added[1]] = third
  steps[`${name}.v1`] = {
    to: added[0],
    read: ({ durationMinutes, ...rest }: z.output<typeof sessionCompleted>) => ({
      ...rest,
      durationSeconds: durationMinutes === null ? null : durationMinutes * 60,
    }),
  }
  steps[added[0]] = {
    to: added[1],
    read: ({ durationSeconds, ...rest }: z.output<typeof second>) => ({
      ...rest,
      duration: { seconds: durationSeconds },
    }),
  }
  try {
    run()
  } finally {
    for (const type of added) delete schemas[type]
    for (const type of [`${name}.v1`, added[0]]) delete steps[type]
  }
}

test('an old event takes all steps to the newest shape, and keeps id and type, to which what is sealed in it is bound', () => {
  const old = golden.find(({ type }) => type === 'ingest.session.completed.v1')
  assert.ok(old)
  withVersions(() => {
    const event = handled(read(old))
    assert.deepEqual([event.id, event.type], [old.id, old.type])
    const { durationMinutes, ...rest } = old.data as z.output<typeof sessionCompleted>
    assert.deepEqual(event.data, { ...rest, duration: { seconds: (durationMinutes ?? 0) * 60 } })
    assert.deepEqual(third.parse(event.data), event.data)
    const middle = { ...old, type: 'ingest.session.completed.v2', data: { ...rest, durationSeconds: 30 } }
    assert.deepEqual((handled(read(middle)).data as z.output<typeof third>).duration, { seconds: 30 })
    assert.deepEqual(
      versionsOf('ingest.session.completed').map((type) => type.slice(-3)),
      ['.v1', '.v2', 'v10'],
    )
  })
  assert.deepEqual(read({ ...old, type: 'ingest.session.completed.v2' }), {
    kind: 'park',
    waitsFor: 'version:ingest.session.completed.v2',
  })
})

test('a consumer of everything gets events as they were sent', () => {
  const old = golden.find(({ type }) => type === 'ingest.session.completed.v1')
  assert.ok(old)
  withVersions(() => {
    const place = { stream: 'S', epoch: 'e', sequence: 1, storedAtMs: 0, messageId: null, traceparent: null }
    const received = { ...place, topic: old.type, bytes: Buffer.from(JSON.stringify(old)) }
    assert.deepEqual(handled(createReader('*')(received, uuidTimeMs(old.id)).verdict), old)
  })
})
