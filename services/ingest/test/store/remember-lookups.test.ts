import assert from 'node:assert/strict'
import test from 'node:test'
import { fakeClock } from '@csr/testkit/fake-clock'
import { rememberLookups } from '../../src/store/remember-lookups.ts'

function counted(found: (id: string) => string | null) {
  const clock = fakeClock()
  const asked: string[] = []
  const lookups = rememberLookups<string>({ clock, read: async (id) => (asked.push(id), found(id)) })
  return { clock, asked, lookups }
}

test('an answer is remembered for ten seconds and no longer, found or not, and shared by who asks meanwhile', async () => {
  const { clock, asked, lookups } = counted((id) => (id === 'known' ? 'value' : null))
  assert.deepEqual(await Promise.all([lookups.find('known'), lookups.find('known'), lookups.find('other')]), [
    'value',
    'value',
    null,
  ])
  clock.advanceMs(9_999)
  await Promise.all([lookups.find('known'), lookups.find('other')])
  assert.deepEqual(asked, ['known', 'other'])
  clock.advanceMs(1)
  await Promise.all([lookups.find('known'), lookups.find('other')])
  assert.deepEqual(asked, ['known', 'other', 'known', 'other'])
})

test('a failure is not remembered', async () => {
  const clock = fakeClock()
  let failing = true
  const lookups = rememberLookups<string>({
    clock,
    read: async () => (failing ? Promise.reject(new Error('away')) : 'value'),
  })
  await assert.rejects(lookups.find('known'))
  failing = false
  assert.equal(await lookups.find('known'), 'value')
})

test('whoever guesses ids cannot push out those that exist', async () => {
  const { asked, lookups } = counted((id) => (id === 'known' ? 'value' : null))
  await lookups.find('known')
  for (let number = 0; number < 5_000; number += 1) await lookups.find(`guess-${number}`)
  const before = asked.length
  assert.equal(await lookups.find('known'), 'value')
  assert.equal(asked.length, before)
})

test('what was made a moment ago is found at once', async () => {
  let value: string | null = null
  const lookups = rememberLookups<string>({ clock: fakeClock(), read: async () => value })
  assert.equal(await lookups.find('id'), null)
  value = 'made'
  lookups.forget('id')
  assert.equal(await lookups.find('id'), 'made')
})
