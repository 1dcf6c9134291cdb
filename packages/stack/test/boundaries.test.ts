import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { findBoundaryBreaks } from '../src/check/boundaries.ts'
import { sourceFiles } from '../src/check/source-files.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))

const rulesOf = (path: string, text: string): string[] => findBoundaryBreaks([{ path, text }]).map(({ rule }) => rule)

test('the tree keeps its boundaries, and the check saw the tree', () => {
  const files = sourceFiles(root)
  assert.ok(files.length >= 60, `saw only ${files.length} files`)
  assert.deepEqual(findBoundaryBreaks(files), [])
})

const planted: readonly [title: string, path: string, text: string, rule: RegExp][] = [
  [
    'a service imports another by name',
    'services/profile/src/service.ts',
    "import { x } from '@csr/ingest/service'",
    /no service/,
  ],
  [
    'a service reaches into another folder',
    'services/profile/src/store/a.ts',
    "import { x } from '../../../ingest/src/events.ts'",
    /no service/,
  ],
  [
    'a dynamic import of another service',
    'services/profile/src/service.ts',
    ['const x = await im', "port('@csr/audit/main')"].join(''),
    /no service/,
  ],
  [
    'a domain file awaits',
    'services/ingest/src/domain/translate.ts',
    'export const f = async () => { await g() }',
    /waits/,
  ],
  [
    'a domain file imports a store',
    'services/ingest/src/domain/translate.ts',
    "import { s } from '../store/delivery-store.ts'",
    /domain imports/,
  ],
  [
    'a domain file is random',
    'services/ingest/src/domain/translate.ts',
    "import { randomUUID } from 'node:crypto'",
    /random/,
  ],
  [
    'a route takes a store by value',
    'services/ingest/src/routes/get-x.ts',
    "import { s } from '../store/delivery-store.ts'",
    /routes import/,
  ],
  [
    'a store reaches for HTTP',
    'services/ingest/src/store/a.ts',
    "import { route } from '@csr/http/route'",
    /store imports/,
  ],
  ['a package names a service', 'packages/http/src/a.ts', "import { x } from '@csr/gateway/service'", /no package/],
  ['contracts import a library', 'contracts/src/a.ts', "import { x } from 'jose'", /zod only/],
  ['the clock is read past its port', 'services/audit/src/store/a.ts', 'const at = Date.now()', /Date\.now/],
  ['the environment is read past settings', 'packages/http/src/a.ts', 'const x = process.env.X', /process/],
  ['an empty name', 'packages/http/src/utils.ts', '', /says nothing/],
  ['an import without extension', 'packages/http/src/a.ts', "import { x } from './b'", /extension/],
  ['a file of 301 lines', 'packages/http/src/a.ts', '\n'.repeat(301), /300 lines/],
]

for (const [title, path, text, rule] of planted) {
  test(`the check bites: ${title}`, () => {
    assert.ok(
      rulesOf(path, text).some((found) => rule.test(found)),
      `found ${JSON.stringify(rulesOf(path, text))}`,
    )
  })
}

test('words in comments and strings are no code, and types may cross where values may not', () => {
  assert.deepEqual(rulesOf('services/ingest/src/domain/a.ts', "// await nothing\nexport const a = 'await async'"), [])
  assert.deepEqual(
    rulesOf('services/ingest/src/routes/get-x.ts', "import type { S } from '../store/delivery-store.ts'"),
    [],
  )
})
