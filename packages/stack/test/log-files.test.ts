import assert from 'node:assert/strict'
import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { eventually } from '@csr/testkit/eventually'
import { followFile, lastLines } from '../src/follow-file.ts'
import { rotateLog, rotateOpenLog } from '../src/log-files.ts'

let folder: string
let path: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'csr-logs-'))
  path = join(folder, 'one.log')
})

afterEach(() => rmSync(folder, { recursive: true }))

test('a log over its size is moved aside before the next start, a smaller one stays', () => {
  writeFileSync(path, 'x'.repeat(100))
  rotateLog(path, 100)
  assert.equal(statSync(path).size, 100)
  rotateLog(path, 99)
  assert.equal(statSync(path, { throwIfNoEntry: false }), undefined)
  assert.equal(statSync(`${path}.1`).size, 100)
})

test('the log of a program that runs is copied and cut, and the program goes on writing into it', () => {
  writeFileSync(path, 'before\n')
  rotateOpenLog(path, 3)
  appendFileSync(path, 'after\n')
  assert.equal(readFileSync(`${path}.1`, 'utf8'), 'before\n')
  assert.equal(readFileSync(path, 'utf8'), 'after\n')
})

test('the last lines of a log are the last lines, however long it is', () => {
  assert.equal(lastLines(path, 3), null)
  const lines = Array.from({ length: 20_000 }, (_, index) => `line ${index}`)
  writeFileSync(path, `${lines.join('\n')}\n`)
  assert.equal(lastLines(path, 2)?.text, 'line 19998\nline 19999\n')
  assert.equal(lastLines(path, 15_000)?.text, `${lines.slice(-15_000).join('\n')}\n`)
  assert.equal(lastLines(path, 0)?.text, '')
})

test('following hands on what is added, also after the log was cut', async () => {
  writeFileSync(path, 'first\n')
  const seen: string[] = []
  const stop = new AbortController()
  const following = followFile(path, 6, (text) => seen.push(text), stop.signal)
  appendFileSync(path, 'second\n')
  await eventually(() => assert.equal(seen.join(''), 'second\n'))
  writeFileSync(path, 'third\n')
  await eventually(() => assert.equal(seen.join(''), 'second\nthird\n'))
  stop.abort()
  await following
})
