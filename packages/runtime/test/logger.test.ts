import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLogger, type LogFields } from '../src/logger.ts'

function captured(): { lines: () => Record<string, unknown>[]; write(line: string): void } {
  const written: string[] = []
  return { write: (line) => void written.push(line), lines: () => written.map((line) => JSON.parse(line)) }
}

test('P4: fields outside the allow-list never reach a log line', () => {
  const sink = captured()
  const fields = { tenantId: 't-1', email: 'participant-1@example.org', feedbackText: 'private words' } as LogFields
  createLogger({ service: 'test', destination: sink }).info('accepted', fields)
  const [line] = sink.lines()
  assert.equal(line?.['tenantId'], 't-1')
  assert.equal(line?.['dropped'], 2)
  assert.ok(!JSON.stringify(line).includes('example.org') && !JSON.stringify(line).includes('private words'))
})

test('P4: the message of a foreign error is left out, its name, code and frames stay', () => {
  const sink = captured()
  const error = Object.assign(
    new TypeError('participant-1@example.org is bad', { cause: new Error('private words') }),
    { code: 'E_BAD' },
  )
  createLogger({ service: 'test', destination: sink }).error('failed', error)
  const text = JSON.stringify(sink.lines())
  assert.ok(!text.includes('example.org') && !text.includes('private words'))
  const told = sink.lines()[0]?.['error'] as { name: string; code: string; stack: string }
  assert.equal(told.name, 'TypeError')
  assert.equal(told.code, 'E_BAD')
  assert.match(told.stack, /logger\.test\.ts/)
})
