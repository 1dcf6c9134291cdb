import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLogger } from '@csr/runtime/logger'
import { eventually } from '@csr/testkit/eventually'
import { workOffImports } from '../../src/jobs/work-off-imports.ts'
import type { ImportRecord } from '../../src/store/import-statements.ts'
import type { ImportStore } from '../../src/store/import-store.ts'

const logger = createLogger({ service: 'ingest', destination: { write: () => undefined } })

type Stored = { readonly tenantId: string; readonly id: string; readonly rows: number }

/** Files in memory; each commit of rows is noted, and fails where `fails` says so. */
function storeOf(stored: Stored[], fails: (id: string) => boolean = () => false) {
  const left = new Map(stored.map((file) => [file.id, file]))
  const commits: string[] = []
  const finished: string[] = []
  const imports = {
    due: async () => ({ files: [...left.values()], broken: [] }),
    find: async (_tenant: string, id: string) => recordOf(id),
    async *pieces(_tenant: string, { id }: ImportRecord) {
      const rows = Array.from({ length: left.get(id)?.rows ?? 0 }, (_, row) => `${row}@example.org,b@example.org`)
      yield Buffer.from(['participant_email,buddy_email,matched_at,status', ...rows].join('\n'))
    },
    async commit(_tenant: string, file: ImportRecord, { rows }: { rows: readonly unknown[] }) {
      if (fails(file.id)) throw new Error('the database is away')
      commits.push(file.id)
      return { ...file, quarantined: file.quarantined + rows.length }
    },
    async finish(_tenant: string, { id }: ImportRecord) {
      left.delete(id)
      finished.push(id)
    },
  }
  return { imports: imports as unknown as ImportStore, commits, finished, left }
}

function recordOf(id: string): ImportRecord {
  const counts = { accepted: 0, duplicate: 0, quarantined: 0 }
  return { id, schema: 'buddy.match@1.0', receivedAt: '2026-11-20T10:00:00Z', ...counts } as ImportRecord
}

const hold = async () => ({ lost: new AbortController().signal, [Symbol.asyncDispose]: async () => undefined })

test('a small file of another tenant does not wait for a large one', async () => {
  const files = [
    { tenantId: 'a', id: 'large', rows: 10_000 },
    { tenantId: 'a', id: 'next', rows: 10 },
    { tenantId: 'b', id: 'small', rows: 10 },
  ]
  const { imports, finished } = storeOf(files)
  await using worker = workOffImports({ imports, hold, logger })
  await worker.start?.()
  await eventually(() => assert.equal(finished.length, 3), { withinMs: 30_000 })
  assert.deepEqual(finished, ['small', 'large', 'next'])
})

test('a file that comes while another tenant’s is worked off is begun within the second', async () => {
  const { imports, finished, left, commits } = storeOf([{ tenantId: 'a', id: 'large', rows: 20_000 }])
  await using worker = workOffImports({ imports, hold, logger })
  await worker.start?.()
  await eventually(() => assert.ok(commits.length > 0))
  left.set('small', { tenantId: 'b', id: 'small', rows: 10 })
  worker.wake()
  await eventually(() => assert.equal(finished.length, 2), { withinMs: 30_000 })
  assert.deepEqual(finished, ['small', 'large'])
})

test('a file that cannot be worked off now is tried again, and holds up nobody else', async () => {
  let isAway = true
  const files = [
    { tenantId: 'a', id: 'stuck', rows: 10 },
    { tenantId: 'b', id: 'fine', rows: 10 },
  ]
  const { imports, finished } = storeOf(files, (id) => id === 'stuck' && isAway)
  await using worker = workOffImports({ imports, hold, logger })
  await worker.start?.()
  await eventually(() => assert.deepEqual(finished, ['fine']))
  isAway = false
  await eventually(() => assert.deepEqual(finished, ['fine', 'stuck']))
})

test('who stops leaves a file behind its last commit', async () => {
  const { imports, finished, commits } = storeOf([{ tenantId: 'a', id: 'large', rows: 40_000 }])
  await using worker = workOffImports({ imports, hold, logger })
  await worker.start?.()
  await eventually(() => assert.ok(commits.length > 2), { withinMs: 30_000 })
  await worker[Symbol.asyncDispose]()
  const atTheEnd = commits.length
  assert.ok(atTheEnd < 200)
  assert.deepEqual(finished, [])
})
