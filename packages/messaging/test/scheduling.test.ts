import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { createLogger } from '@csr/runtime/logger'
import type { JetStreamManager } from '@nats-io/jetstream'
import { createGate } from '../src/alone.ts'
import type { Job } from '../src/job.ts'
import { createLanes, type Group } from '../src/lanes.ts'
import { createRebuilder } from '../src/stranded.ts'

const job = (tenantId: string): Job => ({ tenantId }) as Job
const nobody: ReadonlySet<string> = new Set()
const taken = (next: Group | number): [string, number] =>
  typeof next === 'number' ? ['-', next] : [next.tenantId, next.jobs.length]

test('tenants take turns, a full group at a time', () => {
  const lanes = createLanes(20, 250)
  for (let count = 0; count < 250; count += 1) lanes.add(job('a'))
  lanes.add(job('b'))
  assert.deepEqual(taken(lanes.take(1_000, nobody)), ['a', 100])
  assert.deepEqual(taken(lanes.take(1_000, nobody)), ['b', 1])
  assert.deepEqual(taken(lanes.take(1_000, nobody)), ['a', 100])
  assert.deepEqual(taken(lanes.take(1_000, nobody)), ['-', 20])
  assert.deepEqual(taken(lanes.take(1_020, nobody)), ['a', 50])
  assert.deepEqual(taken(lanes.take(1_020, nobody)), ['-', Infinity])
})

test('the longer a group took, the later the next one that is not full', () => {
  const lanes = createLanes(20, 250)
  lanes.add(job('a'))
  assert.deepEqual(taken(lanes.take(1_000, nobody)), ['a', 1])
  lanes.rest('a', 1_000, 1_080)
  lanes.add(job('a'))
  assert.deepEqual(taken(lanes.take(1_100, nobody)), ['-', 100])
  lanes.rest('a', 1_000, 9_000)
  assert.deepEqual(taken(lanes.take(1_100, nobody)), ['-', 150])
  for (let count = 0; count < 99; count += 1) lanes.add(job('a'))
  assert.deepEqual(taken(lanes.take(1_100, nobody)), ['a', 100])
})

test('a busy tenant is passed over, and what was not settled comes first again', () => {
  const lanes = createLanes(0, 250)
  lanes.add(job('a'))
  lanes.add(job('b'))
  assert.deepEqual(taken(lanes.take(0, new Set(['a']))), ['b', 1])
  lanes.putBack('a', [job('a'), job('a')])
  assert.deepEqual(taken(lanes.take(0, nobody)), ['a', 3])
})

test('who runs alone has nobody beside it, and nobody waits for ever', async () => {
  const gate = createGate()
  const story: string[] = []
  const run = (name: string) => async () => {
    story.push(`+${name}`)
    await nextTurn()
    story.push(`-${name}`)
  }
  await Promise.all([
    gate.together(run('a')),
    gate.together(run('b')),
    gate.alone(run('X')),
    gate.together(run('c')),
    gate.alone(run('Y')),
  ])
  assert.deepEqual(story, ['+a', '+b', '-a', '-b', '+X', '-X', '+c', '-c', '+Y', '-Y'])
  await assert.rejects(gate.alone(() => Promise.reject(new Error('failed'))))
  await gate.together(run('d'))
})

test('a durable above the end of its stream is made anew there, after a second look', async () => {
  const made: unknown[] = []
  const deleted: string[] = []
  let floor = 35
  const manager = {
    streams: { info: async () => ({ state: { last_seq: 5 }, config: { metadata: { 'csr-epoch': 'e' } } }) },
    consumers: {
      info: async () => ({ ack_floor: { stream_seq: floor }, delivered: { stream_seq: floor } }),
      delete: async (_stream: string, name: string) => void deleted.push(name),
      add: async (_stream: string, config: object) => void made.push(config),
    },
  } as unknown as JetStreamManager
  const rebuild = createRebuilder(createLogger({ service: 'keeper', destination: { write: () => undefined } }))
  await rebuild(manager)
  assert.deepEqual(made, [])
  await rebuild(manager)
  assert.ok(made.length > 0 && made.length === deleted.length)
  for (const config of made)
    assert.partialDeepStrictEqual(config, { opt_start_seq: 6, deliver_policy: 'by_start_sequence' })
  floor = 5
  made.length = 0
  await rebuild(manager)
  await rebuild(manager)
  assert.deepEqual(made, [])
})
