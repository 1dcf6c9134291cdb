import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { eventually } from '@csr/testkit/eventually'
import { leadAlone, type Hold } from '../src/leader.ts'

const farMs = 60_000
const quiet = { debug() {}, info() {}, warn() {}, error() {} }

/** A lock as PostgreSQL keeps one: one holder, the others wait in turn; `lose` is the end of the holder's connection. */
function lockOf() {
  const waiting: (() => void)[] = []
  const now: { holder: AbortController | null } = { holder: null }
  const hold: Hold = async (_name, signal) => {
    while (now.holder !== null) {
      await new Promise<void>((resolve, reject) => {
        waiting.push(resolve)
        signal.addEventListener('abort', () => reject(new Error('stopped')))
      })
    }
    const own = (now.holder = new AbortController())
    return {
      lost: own.signal,
      async [Symbol.asyncDispose]() {
        if (now.holder !== own) return
        now.holder = null
        waiting.shift()?.()
      },
    }
  }
  return { hold, lose: () => now.holder?.abort(), isFree: () => now.holder === null }
}

test('one leads, the other stands by and takes over when the lock is lost, or its holder stops', async () => {
  const { hold, lose } = lockOf()
  const rounds: string[] = []
  const leader = (who: string) =>
    leadAlone({ name: 'work', hold, logger: quiet, round: async () => rounds.push(who) && farMs })
  await using one = leader('one')
  const other = leader('other')
  await one.start?.()
  await eventually(() => assert.deepEqual(rounds, ['one']))
  await other.start?.()
  await turn()
  assert.deepEqual(rounds, ['one'])
  lose()
  await eventually(() => assert.deepEqual(rounds, ['one', 'other']))
  await other[Symbol.asyncDispose]()
  await eventually(() => assert.deepEqual(rounds, ['one', 'other', 'one']))
})

test('being woken is a round now, also when it comes in the middle of one', async () => {
  const { hold } = lockOf()
  const rounds: PromiseWithResolvers<void>[] = []
  await using leader = leadAlone({
    ...{ name: 'work', hold, logger: quiet },
    async round() {
      const round = Promise.withResolvers<void>()
      rounds.push(round)
      await round.promise
      return farMs
    },
  })
  await leader.start?.()
  await eventually(() => assert.equal(rounds.length, 1))
  leader.wake()
  rounds[0]?.resolve()
  await eventually(() => assert.equal(rounds.length, 2))
  rounds[1]?.resolve()
  await turn()
  leader.wake()
  await eventually(() => assert.equal(rounds.length, 3))
  rounds[2]?.resolve()
})

test('a round that throws lets the lock go, is logged, and comes again', async () => {
  const { hold } = lockOf()
  const logged: string[] = []
  let rounds = 0
  await using leader = leadAlone({
    ...{ name: 'work', hold, logger: { ...quiet, error: (event: string) => void logged.push(event) } },
    async round() {
      rounds += 1
      if (rounds === 1) throw new Error('as planned')
      return farMs
    },
  })
  await leader.start?.()
  await eventually(() => assert.equal(rounds, 2))
  assert.deepEqual(logged, ['leader-waits'])
})

test('the lock is held until what the rounds began has ended', async () => {
  const { hold, isFree } = lockOf()
  const begun = Promise.withResolvers<void>()
  const leader = leadAlone({
    ...{ name: 'work', hold, logger: quiet, left: () => begun.promise },
    round: async () => farMs,
  })
  await leader.start?.()
  await eventually(() => assert.equal(isFree(), false))
  const stopped = leader[Symbol.asyncDispose]()
  await turn()
  assert.equal(isFree(), false)
  begun.resolve()
  await stopped
  assert.equal(isFree(), true)
})
