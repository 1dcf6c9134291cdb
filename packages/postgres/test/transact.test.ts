import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PostgresRefused, PostgresUnavailable } from '../src/errors.ts'
import type { Lane, Sending } from '../src/lane.ts'
import { transact } from '../src/transact.ts'

const insert = { text: 'insert', values: [] }
const transaction = { tenantId: 'a tenant', statements: [insert], remainingMs: 1_000, statementTimeoutMs: null }
const terminated = { severity: 'FATAL', code: '57P01', message: 'terminating connection' }
const reset = { code: 'ECONNRESET' }

/** A lane that answers as the test says; `commitSent` is whether the commit has left. */
function scripted(answer: (sending: Sending) => void, commitSent = true) {
  const ends: string[] = []
  const lane: Lane = {
    send: (sendings) => {
      queueMicrotask(() => sendings.forEach(answer))
      return () => commitSent
    },
    ask: () => Promise.reject(new TypeError('not asked here')),
    closed: false,
    onClose: () => undefined,
    end: () => void ends.push('end'),
    destroy: () => void ends.push('destroy'),
  }
  return { lane, ends }
}

const fine = ({ text, answered }: Sending): void =>
  answered({ rows: [], command: text === 'commit' ? 'COMMIT' : text.toUpperCase() })

test('P1: only the command tag COMMIT is success', async () => {
  const { lane, ends } = scripted(fine)
  assert.deepEqual(await transact(lane, transaction), [[]])
  assert.deepEqual(ends, [])
})

test('P1: a commit that answers ROLLBACK is a refusal, and the connection is given up', async () => {
  const { lane, ends } = scripted((sending) => {
    if (sending.text === 'commit') sending.answered({ rows: [], command: 'ROLLBACK' })
    else fine(sending)
  })
  await assert.rejects(transact(lane, transaction), (error) => {
    return error instanceof PostgresRefused && error.sqlstate === '40000'
  })
  assert.deepEqual(ends, ['end'])
})

test('P1: what a broken connection means depends on how far the group had come', async () => {
  const cases = [
    { at: 'insert', error: terminated, sent: true, committed: 'no', why: 'the server ended it before the commit' },
    { at: 'commit', error: terminated, sent: true, committed: 'unknown', why: 'the commit was being done' },
    { at: 'insert', error: reset, sent: true, committed: 'unknown', why: 'answers may have been lost' },
    { at: 'insert', error: reset, sent: false, committed: 'no', why: 'the commit never left' },
  ]
  for (const { at, error, sent, committed, why } of cases) {
    const { lane, ends } = scripted((sending) => {
      if (sending.text === at) sending.failed(error)
      else if (sending.text !== 'commit') fine(sending)
    }, sent)
    const thrown: unknown = await transact(lane, transaction).catch((reason: unknown) => reason)
    assert.ok(thrown instanceof PostgresUnavailable)
    assert.equal(thrown.committed, committed, why)
    assert.equal(ends.length, 1)
  }
})

test('a server that says nothing is left after the deadline', async () => {
  const { lane, ends } = scripted(() => undefined)
  const thrown: unknown = await transact(lane, { ...transaction, remainingMs: 20 }).catch((reason: unknown) => reason)
  assert.ok(thrown instanceof PostgresUnavailable)
  assert.deepEqual([thrown.reason, thrown.committed, ends], ['deadline', 'unknown', ['destroy']])
})
