import assert from 'node:assert/strict'
import { test } from 'node:test'
import { GatewayRefusal } from '../../src/gateway-client.ts'
import { persist } from '../../src/persist.ts'

const never = new AbortController().signal

test('what may pass is tried again: no answer, too many requests, something down', async () => {
  const statuses = [0, 429, 503]
  let tried = 0
  const answer = await persist(async () => {
    tried += 1
    const status = statuses.shift()
    if (status !== undefined) throw new GatewayRefusal('not now', { status })
    return 'done'
  }, never)
  assert.deepEqual([answer, tried], ['done', 4])
})

test('a refusal is final, and so is a stop', async () => {
  let tried = 0
  const refuse = async (): Promise<void> => {
    tried += 1
    throw new GatewayRefusal('no', { status: 401 })
  }
  await assert.rejects(persist(refuse, never), /no/)
  await assert.rejects(persist(refuse, AbortSignal.abort(new Error('stopped'))), /stopped/)
  assert.equal(tried, 1)
})
