import assert from 'node:assert/strict'
import { Agent, request as send, type IncomingMessage } from 'node:http'
import { test } from 'node:test'
import { z } from 'zod'
import { route } from '../src/route.ts'
import { keysOnDisk } from './keys-on-disk.ts'
import { runServer } from './running-server.ts'

test('P9: stopping turns not ready, finishes what runs, refuses new connections and leaves none open', async () => {
  await using keys = await keysOnDisk([])
  const release = Promise.withResolvers<void>()
  const running = Promise.withResolvers<void>()
  const slow = route({
    method: 'GET',
    path: '/v1/slow',
    summary: 'waits',
    permission: 'public',
    answers: { 200: z.object({ done: z.boolean() }) },
    async handle() {
      running.resolve()
      await release.promise
      return { status: 200, body: { done: true } }
    },
  })
  const server = await runServer({ routes: [slow], publicKeysDir: keys.publicKeysDir, door: 'edge' })
  const agent = new Agent({ keepAlive: true })
  await get(`${server.url}/health/readiness`, agent)
  const underWay = get(`${server.url}/v1/slow`, agent)
  await running.promise
  assert.equal(server.health.readiness().ready, true)
  const startedMs = performance.now()
  const stopped = server[Symbol.asyncDispose]()
  assert.deepEqual(server.health.readiness(), { ready: false, missing: ['draining'] })
  await assert.rejects(fetch(`${server.url}/health`))
  release.resolve()
  const { status, body } = await underWay
  assert.deepEqual([status, JSON.parse(body)], [200, { done: true }])
  await stopped
  assert.ok(performance.now() - startedMs < 2_000)
  agent.destroy()
})

async function get(url: string, agent: Agent): Promise<{ status: number; body: string }> {
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    send(url, { agent }, resolve).on('error', reject).end()
  })
  const body = Buffer.concat(await answer.toArray()).toString()
  return { status: answer.statusCode ?? 0, body }
}
