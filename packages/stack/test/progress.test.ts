import assert from 'node:assert/strict'
import { test } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import { createProgress } from '../src/progress.ts'

test('where no terminal is, progress is plain lines without colours or cursor movements', () => {
  const written = withSteps(false)
  assert.equal(stripVTControlCharacters(written), written)
  assert.ok(!written.includes('\r'))
  assert.match(
    written,
    /^… servers {2}fetching\n✓ servers {2}\d+\.\d s\n· a note\n! a warning\n✗ services {2}\d+\.\d s\n$/,
  )
})

test('on a terminal a step stays on its line until it is done', () => {
  const written = withSteps(true)
  assert.notEqual(stripVTControlCharacters(written), written)
  assert.equal(written.split('\n').length, withSteps(false).split('\n').length - 1)
})

function withSteps(isTTY: boolean): string {
  let written = ''
  const progress = createProgress({ isTTY, write: (text) => (written += text) })
  const step = progress.step('servers')
  step.detail('fetching')
  step.done()
  progress.note('a note')
  progress.warn('a warning')
  progress.step('services').failed()
  return written
}
