import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import type { ImportStatus } from '@csr/contracts/http/ingest'
import { eventually } from '@csr/testkit/eventually'
import { newCompany, type Company } from './company.ts'
import { bigFile } from './big-file.ts'
import { openServicesAlone, type ServicesAlone } from './services-alone.ts'

/*
 * A file is promised by ingest alone: it is worked off while every service that would hear of it is away, and what they are
 * to hear waits for them.
 */
const running = ['gateway', 'ingest'] as const
let alone: ServicesAlone
let company: Company
before(async () => {
  alone = await openServicesAlone()
  for (const service of running) alone.start(service)
  for (const service of running) {
    await eventually(async () => assert.deepEqual(await alone.missing(service), []), {
      withinMs: 30_000,
      what: service,
    })
  }
  company = await newCompany(alone, 'Company A')
})
after(() => alone?.[Symbol.asyncDispose]())

async function upload(text: string): Promise<string> {
  const headers = { authorization: `Bearer ${await company.token()}`, 'content-type': 'text/csv' }
  const url = new URL('/v1/imports', alone.document.gateway)
  const answer = await fetch(url, { method: 'POST', headers, body: text })
  assert.equal(answer.status, 202)
  return ((await answer.json()) as ImportStatus).id
}

/** Waits until that share of the file is read; everything seen on the way is kept. */
async function reached(id: string, share: number, seen: number[]): Promise<ImportStatus> {
  return await eventually(
    async () => {
      const status = (await company.call('GET', `/v1/imports/${id}`)).body as unknown as ImportStatus
      seen.push(status.progress)
      assert.ok(status.progress >= share && (share < 1 || status.completedAt !== null), JSON.stringify(status))
      return status
    },
    { withinMs: 200_000, what: `${share * 100} % of the file` },
  )
}

test('100,000 rows add up exactly, in flat memory, with progress', async (t) => {
  const { text, expected } = bigFile('big', 100_000)
  const idle = residentBytes()
  const id = await upload(text)
  const seen: number[] = []
  await reached(id, 0.1, seen)
  const atTenPercent = residentBytes()
  await reached(id, 0.99, seen)
  const atTheEnd = residentBytes()
  const { rows, state } = await reached(id, 1, seen)
  assert.equal(state, 'completed_with_errors')
  assert.deepEqual(rows, expected)
  assert.ok(new Set(seen).size > 5, 'progress is visible')
  const megabytes = (bytes: number) => Math.round(bytes / 1024 ** 2)
  t.diagnostic(`${megabytes(idle)} MB idle, ${megabytes(atTenPercent)} at 10 %, ${megabytes(atTheEnd)} at 99 %`)
  assert.ok(megabytes(atTheEnd - atTenPercent) <= 40, `grew by ${megabytes(atTheEnd - atTenPercent)} MB`)
  assert.ok(megabytes(atTheEnd - idle) <= 250, `stands ${megabytes(atTheEnd - idle)} MB over idle`)
})

/** Memory of the ingest process as the system sees it. */
function residentBytes(): number {
  const status = readFileSync(`/proc/${alone.pidOf('ingest')}/status`, 'utf8')
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024
}
