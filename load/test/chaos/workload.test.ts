import assert from 'node:assert/strict'
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { buddyWebhook } from '@csr/contracts/partners/buddy'
import { kintellWebhook } from '@csr/contracts/partners/kintell'
import { ecornellWebhook } from '@csr/contracts/partners/upskilling'
import { seededRandom } from '../../chaos/seeded-random.ts'
import { readPromises } from '../../chaos/oracle/promises.ts'
import { openAttemptLog, readAttempts, type AttemptEntry } from '../../chaos/workload/attempt-log.ts'
import { partnerBody } from '../../chaos/workload/partner-body.ts'
import { planWorkload } from '../../chaos/workload/plan.ts'
import { reportKey, reportKinds, type Send } from '../../chaos/workload/report.ts'
import { report } from './evidence-of.ts'

const attemptOf = (attempt: number): AttemptEntry => ({ entry: 'attempt', attempt, at: 1, webhookId: 'a', report })
const first = (seed: number, count = 1_000): Send[] => planWorkload(seededRandom(seed), 2).take(count).toArray()

test('a seed repeats the workload, another seed is another workload', () => {
  assert.deepEqual(first(7), first(7))
  assert.notDeepEqual(first(7), first(8))
})

test('asking more of one sequence of choices changes no other', () => {
  const [one, other] = [seededRandom(7), seededRandom(7)]
  one.fork('faults').next()
  assert.equal(one.fork('workload').next(), other.fork('workload').next())
})

test('the workload has every kind of report, versions, repeats, copies at once, partners that give up, and changes of order', () => {
  const sends = first(7)
  const kinds = new Set(sends.map(({ report: { kind } }) => kind))
  assert.deepEqual(kinds, new Set(reportKinds))
  const versions = Map.groupBy(sends, ({ report: { company, kind, thing } }) => `${company} ${kind} ${thing}`)
  const times = [...versions.values()].map((of) => new Set(of.map((send) => send.report.reportedAt)).size)
  assert.ok(times.some((count) => count > 2))
  const ids = new Set(sends.map(({ webhookId }) => webhookId))
  assert.ok(ids.size < sends.length - 30, 'webhook ids come again')
  const keys = Map.groupBy(sends, (send) => reportKey(send.report))
  assert.ok([...keys.values()].some((of) => new Set(of.map(({ webhookId }) => webhookId)).size > 1))
  assert.ok(sends.some(({ copies }) => copies > 1) && sends.some(({ persistent }) => !persistent))
  assert.ok(sends.some(({ number }, at) => number < (sends[at - 1]?.number ?? 0)))
})

test('every body is what the partner promised, and two versions of a thing differ in more than their time', () => {
  const schemas = { kintell: kintellWebhook, buddy: buddyWebhook, upskilling: ecornellWebhook }
  const contents = new Map<string, string>()
  for (const { report: told } of first(7)) {
    schemas[told.partner].parse(JSON.parse(partnerBody(told)))
    const content = [told.company, told.kind, told.thing, told.mark].join('|')
    assert.equal(contents.get(content) ?? told.reportedAt, told.reportedAt)
    contents.set(content, told.reportedAt)
  }
})

test('an entry of the attempt log is on disk when it is answered for, and a torn last line is none', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'csr-attempts-'))
  try {
    const file = join(folder, 'attempts.jsonl')
    {
      await using log = await openAttemptLog(file)
      await Promise.all(
        [1, 2, 3].map(async (number) => {
          await log.append(attemptOf(number))
          assert.match(readFileSync(file, 'utf8'), new RegExp(`"attempt":${number},`))
        }),
      )
      await log.append(attemptOf(4))
    }
    appendFileSync(file, '{"entry":"answer","attempt":4,"sta')
    assert.deepEqual(readAttempts(file), [1, 2, 3, 4].map(attemptOf))
    await assert.rejects(openAttemptLog(file), /EEXIST/)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('a report is promised by a 2xx alone; a refusal and a missing answer prove nothing', () => {
  const answer = (number: number, status: number, outcome: string | null): AttemptEntry => {
    return { entry: 'answer', attempt: number, at: 2, status, outcome, retryAfter: null, tookMs: 1 }
  }
  const refused = readPromises([attemptOf(1), answer(1, 503, null), attemptOf(2)])
  assert.deepEqual(refused.promised, [{ report, fate: 'unknown' }])
  assert.deepEqual(refused.asked, { attempted: 2, accepted: 0, refused: 1, unanswered: 1 })
  const taken = readPromises([attemptOf(1), attemptOf(2), answer(2, 202, 'duplicate')])
  assert.deepEqual(taken.promised, [{ report, fate: 'accepted' }])
})
