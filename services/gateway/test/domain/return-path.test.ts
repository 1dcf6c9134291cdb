import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { mayReturnTo } from '../../src/domain/return-path.ts'

const allowed = ['/docs', '/app/']

test('paths of the list, and those below an entry that ends in a slash', () => {
  for (const path of ['/docs', '/app/', '/app/a', '/app/a/b.c/d_e~f-g'])
    assert.equal(mayReturnTo(path, allowed), true, path)
  for (const path of ['/docs/', '/docsx', '/app', '/apps/a', '/', ''])
    assert.equal(mayReturnTo(path, allowed), false, path)
})

test('whatever is allowed stays on this host and below the list, as a browser reads it', () => {
  const piece = fc.constantFrom(
    '/',
    '//',
    '\\',
    '.',
    '..',
    '%2f',
    '@',
    ':',
    '?',
    '#',
    'docs',
    'app',
    'evil.example.org',
    '\t',
    'https:',
  )
  let seen = 0
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 8 }), fc.constantFrom('', '/app/', '/docs'), (pieces, start) => {
      const path = start + pieces.join('')
      if (!mayReturnTo(path, allowed)) return
      seen += 1
      const url = new URL(path, 'https://csr.example.org')
      assert.equal(url.origin, 'https://csr.example.org')
      assert.ok(url.pathname === '/docs' || url.pathname.startsWith('/app/'), path)
    }),
    { numRuns: 5_000 },
  )
  assert.ok(seen > 50, `only ${seen} were allowed`)
})
