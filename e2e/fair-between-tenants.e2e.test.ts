import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { kintellSessionCompleted } from '@csr/testkit/builders'
import { eventually } from '@csr/testkit/eventually'
import { privateStack, type TestStack } from '@csr/testkit/stack'
import type postgres from 'postgres'
import { sessionColumns } from './big-file.ts'
import { newCompany, type Company } from './company.ts'
import { openSuperuser } from './superuser.ts'

/*
 * The short form: who is quiet waits a small part of what the queue of the other is old. How long that is in seconds, with
 * 100,000 rows and a flood as fast as a plain socket can send: npm run bench -- --only tenant-fairness
 */
const rows = 20_000
const seconds = 15
const partMax = 1 / 4

let stack: TestStack
let superuser: postgres.Sql
before(async () => {
  stack = await privateStack()
  superuser = await openSuperuser(stack)
})
after(async () => {
  await superuser?.end()
  await stack?.[Symbol.asyncDispose]()
})

/** A file with a text in each row, so that every service has something to do. */
async function upload(company: Company): Promise<void> {
  const row = (number: number): string =>
    `row-${number},row-${number % 2_000}@example.org,v-${number % 50}@example.org,2026-11-01T10:00:00Z,,45,0.5,I feel more confident now.,B1,work,`
  const { status } = await fetch(new URL('/v1/imports', stack.document.gateway), {
    method: 'POST',
    headers: { authorization: `Bearer ${await company.token()}`, 'content-type': 'text/csv' },
    body: [sessionColumns, ...Array.from({ length: rows }, (_, index) => row(index))].join('\n'),
  })
  assert.equal(status, 202)
}

/** Sends webhooks of the company, four at once, each as soon as the one before is answered. */
async function flood(company: Company, until: () => boolean): Promise<number> {
  let sent = 0
  const worker = async (): Promise<void> => {
    while (!until()) {
      const number = (sent += 1)
      const participant = { email: `flood-${number % 500}@example.org`, name: 'Synthetic Participant' }
      const body = kintellSessionCompleted({ sessionId: `flood-${number}`, participant, feedbackText: 'I am glad.' })
      const { status } = await company.post(body)
      assert.equal(status, 202)
    }
  }
  await Promise.all(Array.from({ length: 4 }, worker))
  return sent
}

/** How long a webhook of the company takes until it is in the profile, as a reader sees it. */
async function probe(company: Company, email: string, number: number): Promise<number> {
  const person = await company.person(email)
  const sessionId = `probe-${number}`
  const startedMs = performance.now()
  const { status } = await company.post(kintellSessionCompleted({ sessionId, participant: { email, name: 'Probe' } }))
  assert.equal(status, 202)
  await eventually(
    async () => assert.ok((await company.activities(person.id)).some(({ sourceId }) => sourceId === sessionId)),
    { withinMs: 30_000, what: 'a visible activity' },
  )
  return performance.now() - startedMs
}

/** What of the tenant's rows and webhooks is not in the profiles yet. */
async function leftOf({ tenantId }: Company): Promise<number> {
  const [row] = await superuser.unsafe<[{ left: number }]>(
    `select (select count(*) from ingest.natural_keys where tenant_id = $1)::int
      - (select count(distinct source_id) from profile.activities where tenant_id = $1)::int
      + (select coalesce(sum(${rows} - accepted - duplicate - quarantined), 0) from ingest.imports
         where tenant_id = $1 and completed_at is null)::int as left`,
    [tenantId],
  )
  return row?.left ?? 0
}

test('while tenant A has rows queued and sends as fast as it is answered, the webhooks of B overtake what A has queued', async (t) => {
  const [a, b] = [await newCompany(stack, 'Company A'), await newCompany(stack, 'Company B')]
  const emails = Array.from({ length: 10 }, (_, index) => `quiet-${index}@example.org`)
  for (const email of emails) {
    const participant = { email, name: 'Quiet' }
    assert.equal((await b.post(kintellSessionCompleted({ sessionId: email, participant }))).status, 202)
  }
  for (const email of emails) await b.person(email)

  const queuedAtMs = performance.now()
  await upload(a)
  let over = false
  const flooding = flood(a, () => over)
  const probes: Promise<number>[] = []
  for (let number = 0; number < seconds * 2; number += 1) {
    probes.push(probe(b, emails[number % emails.length] as string, number))
    await pause(500)
  }
  const lags = (await Promise.all(probes)).toSorted((one, other) => one - other)
  const left = await leftOf(a)
  const queuedMs = performance.now() - queuedAtMs
  over = true
  const sent = await flooding
  const p95 = lags[Math.floor(lags.length * 0.95)] as number
  t.diagnostic(
    `p50 ${lags[lags.length >> 1]?.toFixed(0)} ms, p95 ${p95.toFixed(0)} ms of ${lags.length}; A sent ${sent} webhooks, ${left} of A were left after ${queuedMs.toFixed(0)} ms`,
  )
  assert.ok(left > 0, 'A had something queued all the time')
  assert.ok(p95 < queuedMs * partMax, `p95 ${p95.toFixed(0)} ms, while A has waited for ${queuedMs.toFixed(0)} ms`)
})
