import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { kintellSessionCompleted } from '@csr/testkit/builders'
import { eventually } from '@csr/testkit/eventually'
import { privateStack, type TestStack } from '@csr/testkit/stack'
import { newCompany, type Company } from './company.ts'
import { openSuperuser } from './superuser.ts'

const run = promisify(execFile)

let stack: TestStack
let company: Company
before(async () => {
  stack = await privateStack()
  company = await newCompany(stack, 'Company A')
})
after(() => stack?.[Symbol.asyncDispose]())

let sessions = 0
const session = (email: string, feedbackText: string) =>
  kintellSessionCompleted({ sessionId: `session-${(sessions += 1)}`, participant: { email }, feedbackText })

async function outcomesOf(email: string, count: number) {
  const { id } = await company.person(email)
  return await eventually(
    async () => {
      const outcomes = await company.outcomes(id)
      assert.equal(outcomes.length, count)
      return outcomes
    },
    { withinMs: 30_000, what: `${count} outcomes` },
  )
}

test('one text becomes a screened, scored outcome with evidence on its activity', async () => {
  const text = 'I feel more confident at work now, and we practised for a job interview. Call me: +47 22 22 22 22.'
  assert.equal((await company.post(session('participant-1@example.org', text))).body['outcome'], 'accepted')
  const [outcome] = await outcomesOf('participant-1@example.org', 1)
  assert.ok(outcome && 'scores' in outcome)
  assert.ok((outcome.scores.confidence ?? 0) > 0.5)
  assert.equal(outcome.scores.belonging, null)
  assert.deepEqual(outcome.labels.employabilitySignals, ['interview_prep'])
  const screened = text.replace('+47 22 22 22 22', '[phone]')
  for (const { start, end, text: quoted } of outcome.evidence) assert.equal(screened.slice(start, end), quoted)
  assert.ok(outcome.evidence.some(({ label }) => label === 'confidenceIncrease'))
  assert.match(outcome.model, /\S/)
  assert.match(outcome.policy, /\S/)

  const { id } = await company.person('participant-1@example.org')
  await eventually(
    async () => {
      const [activity] = await company.activities(id)
      assert.equal(outcome.activityId, activity?.id)
      assert.deepEqual(activity?.outcome, { id: outcome.id, scores: outcome.scores })
    },
    { withinMs: 10_000, what: 'the outcome on its activity' },
  )
})

test('a corrected text is scored again: one outcome per activity, the later report stands', async () => {
  const email = 'participant-2@example.org'
  const about = { sessionId: 'session-corrected', participant: { email } }
  await company.post(
    kintellSessionCompleted({ ...about, feedbackText: 'I feel lonely and anxious here.' }, '2026-11-20T10:00:00Z'),
  )
  await outcomesOf(email, 1)
  await company.post(
    kintellSessionCompleted({ ...about, feedbackText: 'I feel happy and I made friends.' }, '2026-11-20T11:00:00Z'),
  )
  await eventually(
    async () => {
      const [outcome] = await outcomesOf(email, 1)
      assert.ok(outcome && 'scores' in outcome && (outcome.scores.belonging ?? 0) > 0.5)
    },
    { withinMs: 30_000, what: 'the corrected outcome' },
  )
})

test('what cannot be scored is withheld with its reason, never guessed', async () => {
  const cases: [email: string, text: string, withheld: string][] = [
    [
      'participant-3@example.org',
      'Vi snakket mye norsk sammen, og jeg føler meg mye tryggere på jobben nå.',
      'language-unsupported',
    ],
    ['participant-4@example.org', 'Good.', 'too-short'],
    ['participant-5@example.org', 'Some days I feel so bad that I want to die.', 'screened-out'],
    ['participant-6@example.org', 'We met on Tuesday in the library near the station.', 'nothing-said'],
  ]
  for (const [email, text] of cases) await company.post(session(email, text))
  for (const [email, , withheld] of cases) {
    const [outcome] = await outcomesOf(email, 1)
    assert.equal(outcome && 'withheld' in outcome && outcome.withheld, withheld)
  }
  const { body } = await company.call('GET', '/v1/safety/reviews')
  const reviews = body['items'] as { urgency: string; categories: string[] }[]
  assert.deepEqual(
    reviews.map(({ urgency, categories }) => [urgency, categories]),
    [['immediate', ['self_harm']]],
  )
})

test('a withdrawn consent stops the scoring of what comes after it, and giving it again starts it', async () => {
  const email = 'participant-7@example.org'
  await company.post(session(email, 'I feel more confident at work now.'))
  await outcomesOf(email, 1)
  const { id } = await company.person(email)
  const person = await company.token('participant', id)
  const decide = (allowed: boolean) =>
    company.call('PUT', '/v1/privacy/consents/ai_scoring', { allowed, notice: 'notice-1' }, person)
  const scoredNext = async () => {
    const known = (await company.outcomes(id)).length
    await company.post(session(email, 'I feel happy and more confident today.'))
    const [latest] = await outcomesOf(email, known + 1)
    return latest && 'withheld' in latest ? latest.withheld : 'scored'
  }

  assert.equal((await decide(false)).status, 200)
  await eventually(async () => assert.equal(await scoredNext(), 'objected'), {
    withinMs: 60_000,
    what: 'the objection',
  })
  assert.equal((await decide(true)).status, 200)
  await eventually(async () => assert.equal(await scoredNext(), 'scored'), { withinMs: 60_000, what: 'the consent' })
})

test('P6: a participant sees their own outcomes only, and staff of another company nothing', async () => {
  const own = await company.person('participant-1@example.org')
  const other = await company.person('participant-7@example.org')
  const person = await company.token('participant', own.id)
  assert.equal((await company.call('GET', `/v1/profiles/${own.id}/outcomes`, undefined, person)).status, 200)
  assert.equal((await company.call('GET', `/v1/profiles/${other.id}/outcomes`, undefined, person)).status, 404)
  const stranger = await newCompany(stack, 'Company B')
  assert.deepEqual(await stranger.outcomes(own.id), [])
})

test('P7: every effect on the way is one record of the log, and the tree over it verifies', async () => {
  const log = await csr<{ items: { action: string }[] }>('audit', 'export')
  const actions = new Set(log.items.map(({ action }) => action))
  for (const action of [
    'ingest.session.completed.v1',
    'profile.activity.recorded.v1',
    'safety.text.screened.v1',
    'q2q.outcome.scored.v1',
    'q2q.outcome.withheld.v1',
    'privacy.consent.withdrawn.v1',
  ]) {
    assert.ok(actions.has(action), action)
  }
  assert.equal((await csr<{ verified: boolean }>('audit', 'verify')).verified, true)
})

test('P7: who holds an old checkpoint notices that a record was changed', async () => {
  const kept = join(stack.directory.path, 'kept-checkpoint.json')
  writeFileSync(kept, JSON.stringify(await csr('audit', 'checkpoint')))
  assert.equal((await csr<{ verified: boolean }>('audit', 'verify', '--checkpoint', kept)).verified, true)
  const superuser = await openSuperuser(stack)
  await superuser.unsafe(`alter table audit.records disable trigger append_only;
    update audit.records set leaf = replace(leaf, 'effective', 'refused')
    where tenant_id = '${company.tenantId}' and sequence = 3`)
  await superuser.end()
  const { verified, problems } = await csr<{ verified: boolean; problems: string[] }>(
    'audit',
    'verify',
    '--checkpoint',
    kept,
  )
  assert.equal(verified, false)
  assert.ok(
    problems.some((problem) => problem.includes('are not what they were')),
    problems.join(),
  )
})

/** Runs the operator's command line as an operator would; 1 means found wanting, and its answer counts. */
async function csr<Answer>(...words: string[]): Promise<Answer> {
  const options = ['--tenant', company.tenantId, '--data-dir', stack.directory.path, '--json']
  const program = fileURLToPath(new URL('../packages/cli/src/csr.ts', import.meta.url))
  const { stdout } = await run(process.execPath, [program, ...words, ...options], {
    maxBuffer: 64 * 1024 * 1024,
  }).catch((error: { code?: number; stdout?: string }) => {
    if (error.code === 1 && error.stdout) return { stdout: error.stdout }
    throw error
  })
  return JSON.parse(stdout) as Answer
}
