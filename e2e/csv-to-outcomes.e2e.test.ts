import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { ImportStatus } from '@csr/contracts/http/ingest'
import { eventually } from '@csr/testkit/eventually'
import { privateStack, type TestStack } from '@csr/testkit/stack'
import { bigFile, sessionColumns } from './big-file.ts'
import { answerOf, newCompany, type Answer, type Company } from './company.ts'

let stack: TestStack
let company: Company
before(async () => {
  stack = await privateStack()
  company = await newCompany(stack, 'Company A')
})
after(() => stack?.[Symbol.asyncDispose]())

async function upload(
  body: NonNullable<RequestInit['body']>,
  options: { query?: string; type?: string } = {},
): Promise<Answer> {
  const url = new URL(`/v1/imports${options.query ?? ''}`, stack.document.gateway)
  const headers: Record<string, string> = { authorization: `Bearer ${await company.token()}` }
  if (options.type !== '') headers['content-type'] = options.type ?? 'text/csv'
  return await answerOf(
    fetch(url, { method: 'POST', headers, body, ...(body instanceof ReadableStream && { duplex: 'half' }) }),
  )
}

async function finished(answer: Answer, withinMs = 60_000): Promise<ImportStatus> {
  assert.equal(answer.status, 202, JSON.stringify(answer.body))
  return await eventually(
    async () => {
      const { body } = await company.call('GET', `/v1/imports/${String(answer.body['id'])}`)
      const status = body as unknown as ImportStatus
      assert.ok(status.completedAt, JSON.stringify(status))
      return status
    },
    { withinMs, what: 'a finished import' },
  )
}

const session = (number: number, text = 'I feel more confident at work now.') =>
  `csv-${number},participant-${number}@example.org,volunteer-${number % 5}@example.org,2026-11-01T10:00:00Z,2026-11-01,45,0.8,"${text}",B1,"work, everyday",`

test('rows of a file become activities and outcomes; bad rows are kept with every reason, and nothing counts twice', async () => {
  const rows = [session(1), session(2), session(1), session(3).replace('0.8', '7').replace('B1', 'Z9'), '', session(4)]
  const status = await finished(await upload([sessionColumns, ...rows].join('\n')))
  assert.equal(status.schema, 'kintell.language-session@1.1')
  assert.equal(status.state, 'completed_with_errors')
  assert.deepEqual(status.rows, { total: 5, accepted: 3, duplicate: 1, quarantined: 1 })
  assert.equal(status.progress, 1)

  const { body } = await company.call('GET', `/v1/imports/${status.id}/rows?status=quarantined`)
  const [row] = body['items'] as { row: number; reasons: { column: string; message: string }[] }[]
  assert.equal(row?.row, 4)
  assert.deepEqual(row?.reasons.map(({ column }) => column).toSorted(), ['language_level', 'rating'])

  const { id } = await company.person('participant-1@example.org')
  const [activity] = await company.activities(id)
  assert.equal(activity?.sourceId, 'csv-1')
  assert.equal(activity?.details['precision'], 'day')
  await eventually(async () => assert.equal((await company.outcomes(id)).length, 1), {
    withinMs: 30_000,
    what: 'an outcome',
  })
  const again = await finished(await upload([sessionColumns, session(1), session(2)].join('\r\n')))
  assert.deepEqual(again.rows, { total: 2, accepted: 0, duplicate: 2, quarantined: 0 })
})

test('files come with byte order marks, semicolons, Latin-1, stray quotes and as forms', async () => {
  const semicolons = [
    'participant_email;buddy_email;matched_at;status;language',
    'p-1@example.org;b-1@example.org;2026-10-01;active;norsk',
  ]
  const marked = await finished(await upload(`\uFEFF${semicolons.join('\r\n')}\r\n`))
  assert.deepEqual([marked.schema, marked.rows.accepted], ['buddy.match@1.0', 1])

  const latin = Buffer.from(
    'user_email,provider,course_id,course_name,completed_at\nl-1@example.org,eCornell,c-1,Bærekraft på jobben,2026-10-01',
    'latin1',
  )
  const completed = await finished(await upload(latin))
  assert.deepEqual([completed.schema, completed.rows.accepted], ['upskilling.course-completion@1.0', 1])
  const learner = await company.person('l-1@example.org')
  const [course] = await company.activities(learner.id)
  assert.ok(course)
  assert.equal((course.details['course'] as { name: string }).name, 'Bærekraft på jobben')

  const quotes = await finished(
    await upload([sessionColumns, session(20).replace('more confident', 'more "confident"'), session(21)].join('\n')),
  )
  assert.equal(quotes.rows.total, quotes.rows.accepted + quotes.rows.duplicate + quotes.rows.quarantined)

  const form = new FormData()
  form.set('file', new Blob([[sessionColumns, session(30)].join('\n')], { type: 'text/csv' }), '../../any name.csv')
  assert.equal((await finished(await upload(form, { type: '' }))).rows.accepted, 1)
})

test('a file that fits no schema, is empty or is cut off is refused or leaves nothing', async () => {
  assert.equal((await upload('a,b,c\n1,2,3')).status, 422)
  assert.equal((await upload('')).status, 422)
  assert.equal((await upload(sessionColumns, { query: '?schema=buddy.match@1.0' })).status, 422)
  assert.equal((await upload(sessionColumns, { query: '?schema=unknown@1.0' })).status, 400)
  assert.equal((await upload(sessionColumns, { type: 'application/json' })).status, 415)
  const listed = (await company.call('GET', '/v1/imports?limit=200')).body['items'] as unknown[]
  const cut = new ReadableStream({
    start(controller) {
      controller.enqueue(new TextEncoder().encode(`${sessionColumns}\n${session(40)}\n`))
      setTimeout(() => controller.error(new Error('the line is cut')), 200)
    },
  })
  assert.equal((await upload(cut)).status, 0)
  const listedAfter = (await company.call('GET', '/v1/imports?limit=200')).body['items'] as unknown[]
  assert.equal(listedAfter.length, listed.length)
})

test('P2: a file is worked off exactly once although ingest is killed in the middle', async () => {
  const { text, expected } = bigFile('cut', 15_000)
  const answer = await upload(text)
  await eventually(
    async () => {
      const { body } = await company.call('GET', `/v1/imports/${String(answer.body['id'])}`)
      assert.ok(Number(body['progress']) >= 0.2, JSON.stringify(body))
    },
    { withinMs: 60_000, what: 'a fifth of the file' },
  )
  const killedPid = stack.pidOf('ingest')
  await stack.kill('ingest')
  await stack.recovered('ingest', killedPid)
  const { rows } = await finished(answer, 120_000)
  assert.deepEqual(rows, expected)
  const { body } = await company.call('GET', `/v1/imports/${String(answer.body['id'])}/rows?limit=1`)
  assert.equal((body['items'] as { row: number }[])[0]?.row, 15_000)
})
