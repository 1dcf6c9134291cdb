import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createHealth, inOrder, type Readiness, type Resource } from '../src/lifecycle.ts'

function resource(name: string, story: string[], readiness: () => Readiness = () => ({ ready: true })): Resource {
  return {
    name,
    readiness,
    start: async () => void story.push(`start ${name}`),
    [Symbol.asyncDispose]: async () => void story.push(`stop ${name}`),
  }
}

test('resources start in order and stop in reverse, also when one fails to stop', async () => {
  const story: string[] = []
  const broken: Resource = { ...resource('b', story), [Symbol.asyncDispose]: () => Promise.reject(new Error('stuck')) }
  const service = inOrder('test', createHealth(), [resource('a', story), broken, resource('c', story)])
  await service.start()
  await assert.rejects(async () => service[Symbol.asyncDispose](), AggregateError)
  assert.deepEqual(story, ['start a', 'start b', 'start c', 'stop c', 'stop a'])
})

test('readiness names everything that is missing, and draining', async () => {
  const health = createHealth()
  let up = false
  const service = inOrder('test', health, [
    resource('postgres', [], () => (up ? { ready: true } : { ready: false, missing: 'postgres' })),
  ])
  assert.deepEqual(service.readiness(), { ready: false, missing: ['start', 'postgres'] })
  await service.start()
  assert.deepEqual(service.readiness(), { ready: false, missing: ['postgres'] })
  up = true
  assert.deepEqual(service.readiness(), { ready: true, missing: [] })
  health.drain()
  assert.deepEqual(service.readiness(), { ready: false, missing: ['draining'] })
})
