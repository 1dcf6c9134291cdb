import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { eventually } from '@csr/testkit/eventually'
import { openEdge, type Edge } from '../edge.ts'
import { recordingService, type RecordingService } from '../recording-service.ts'
import { attacks, harmless } from './corpus.ts'
import { encodings } from './encodings.ts'

let service: RecordingService
let edge: Edge
let admin: string

before(async () => {
  service = await recordingService()
  edge = await openEdge(service.url)
  admin = await edge.tokenOf('company_admin')
})
after(async () => {
  await edge[Symbol.asyncDispose]()
  await service[Symbol.asyncDispose]()
})
beforeEach(() => {
  service.requests.length = 0
  edge.refusals.length = 0
  edge.rulesMet.length = 0
})

const scores = '/v1/outcomes/scores'
type Problem = { readonly type: string; readonly instance: string }

async function post(path: string, body: string | Buffer, on: Edge = edge, token = admin): Promise<Response> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  return await fetch(on.url + path, { method: 'POST', body, headers })
}

const postText = (text: string): Promise<Response> => post(scores, JSON.stringify({ text }))

test('an attack in free text is refused before the service sees it, in whatever encoding', async () => {
  for (const encode of Object.values(encodings)) {
    for (const attack of ["' OR '1'='1' -- x", '<script>alert(1)</script>', '../../../../etc/passwd']) {
      const answer = await postText(encode(attack))
      assert.equal(answer.status, 403, encode(attack))
      assert.equal(((await answer.json()) as Problem).type, '/problems/request-refused')
    }
  }
  assert.equal(service.requests.length, 0)
})

test('the answer tells a reference and nothing about rules or content', async () => {
  const answer = await postText("' UNION SELECT password FROM accounts --")
  assert.equal(answer.headers.get('content-type'), 'application/problem+json')
  const text = await answer.text()
  const { instance, ...rest } = JSON.parse(text) as Problem
  assert.deepEqual(rest, { type: '/problems/request-refused', title: 'Request refused', status: 403 })
  assert.match(instance, /^urn:uuid:[0-9a-f-]{36}$/)
})

test('P7: the record of a refusal names the rules, the route and who it was, and no word of the content', async () => {
  const answer = await postText("Zaphod' UNION SELECT password FROM accounts --")
  const { instance } = (await answer.json()) as Problem
  const [refusal] = edge.refusals
  assert.equal(`urn:uuid:${refusal?.requestId}`, instance)
  assert.deepEqual([refusal?.code, refusal?.route], ['request-refused', scores])
  assert.equal(refusal?.actorId, 'development-company_admin')
  assert.ok(refusal?.reasons.includes('sql-union'), refusal?.reasons.join())
  assert.doesNotMatch(JSON.stringify(edge.refusals), /zaphod|accounts|password/i)
  assert.ok(edge.rulesMet.every(({ route, field }) => route === `POST ${scores}` && field === '/text'))
})

test('what people write reaches the service byte for byte', async () => {
  const texts = harmless.filter((_, at) => at % 40 === 0).map(({ text }) => text)
  assert.ok(texts.length >= 40)
  for (const text of texts) {
    const bytes = Buffer.from(` {"text" :${JSON.stringify(text)} }\r\n`)
    assert.equal((await post(scores, bytes)).status, 200, text)
    assert.ok(service.requests.at(-1)?.body.equals(bytes))
  }
})

test('names and values that no schema describes are screened like free text, operators of a database included', async () => {
  const bodies = [
    '{"text":{"$gt":""}}',
    '{"text":"a","x":"<script>alert(1)</script>"}',
    '{"text":"a","\' or 1=1--":1}',
    '["../../../etc/passwd"]',
  ]
  for (const body of bodies) assert.equal((await post(scores, body)).status, 403, body)
  assert.equal((await post(scores, '{"text":"a","extra":"b"}')).status, 200)
})

test('fields with a form of their own are left to their schema', async () => {
  const attack = { partner: "' OR 1=1 --" }
  assert.equal((await post('/v1/endpoints', JSON.stringify(attack))).status, 200)
  assert.equal(
    (await post('/v1/endpoints', JSON.stringify({ partner: 'kintell', programme: attack.partner }))).status,
    403,
  )
})

test('query and path parameters that are free text are screened, described or not', async () => {
  const get = async (path: string): Promise<number> =>
    (await fetch(edge.url + path, { headers: { authorization: `Bearer ${admin}` } })).status
  assert.equal(await get(`/v1/profiles?cursor=${encodeURIComponent("' OR 1=1 --")}`), 403)
  assert.equal(await get(`/v1/profiles?q=${encodeURIComponent('<svg onload=alert(1)>')}`), 403)
  assert.equal(await get(`/v1/profiles?q=a&q=${encodeURIComponent("' OR 1=1 --")}`), 403)
  assert.equal(await get(`/v1/profiles?limit=${encodeURIComponent("' OR 1=1 --")}`), 200)
  assert.equal(await get('/v1/profiles?limit=5&cursor=WyIyMDI2LTExLTIxVDA5OjAwOjAwWiIsIjAxOThhMDAwIl0&x=y%20z'), 200)
  assert.equal(await get("/v1/privacy/export/'or'1'='1"), 403)
})

test('JSON that is malformed or dangerous ends at the edge with the code of the service', async () => {
  const code = async (body: string): Promise<string> => ((await (await post(scores, body)).json()) as Problem).type
  assert.equal(await code('{"text":'), '/problems/json-invalid')
  assert.equal(await code(''), '/problems/json-invalid')
  assert.equal(await code('{"text":"a","__proto__":{"x":1}}'), '/problems/body-invalid')
  assert.equal(await code(`{"text":${'['.repeat(40)}${']'.repeat(40)}}`), '/problems/body-invalid')
  assert.equal(service.requests.length, 0)
})

test('of duplicate keys the last counts for the firewall as it does for the service', async () => {
  assert.equal((await post(scores, `{"text":"a","text":"' OR 1=1 --"}`)).status, 403)
})

test('a body of a megabyte is screened to its end, in pieces that let others through', async () => {
  const padding = 'Jeg lærte mye i dag. '.repeat(45_000)
  assert.ok(padding.length > 900_000)
  let longestMs = 0
  let lastMs = performance.now()
  const ticking = setInterval(() => {
    longestMs = Math.max(longestMs, performance.now() - lastMs)
    lastMs = performance.now()
  }, 1)
  const answer = await postText(`${padding}' OR '1'='1`)
  clearInterval(ticking)
  assert.equal(answer.status, 403)
  assert.ok(longestMs < 200, `the loop stood still for ${longestMs.toFixed(0)} ms`)
  assert.equal((await postText(padding)).status, 200)
})

test('a signed webhook is never refused for its words, and what was seen in it is counted', async () => {
  const body = JSON.stringify({ type: 'session.completed', data: { feedbackText: "' OR '1'='1' --" } })
  assert.equal((await post('/v1/webhooks/kintell/0198a000-0000-7000-8000-00000000000b', body)).status, 200)
  assert.equal(service.requests[0]?.body.toString(), body)
  await eventually(() => assert.ok(edge.rulesMet.some(({ rule }) => rule.id === 'sql-always-true')))
  assert.ok(edge.rulesMet.every(({ outcome }) => outcome === 'observed' || outcome === 'noted'))
})

test('an imported file passes whole whatever it says, and its beginning is looked at', async () => {
  const file = Buffer.from(`feedback_text\n"<script>alert(1)</script>"\n${'harmless\n'.repeat(50_000)}`)
  const headers = { authorization: `Bearer ${admin}`, 'content-type': 'text/csv' }
  const answer = await fetch(`${edge.url}/v1/imports`, { method: 'POST', body: file, headers })
  assert.equal(answer.status, 200)
  assert.ok(service.requests[0]?.body.equals(file))
  await eventually(() => assert.ok(edge.rulesMet.some(({ rule }) => rule.family === 'xss')))
})

test('of a flood of webhooks a few each second are looked at', async () => {
  const body = JSON.stringify({ data: { notes: '<script>alert(1)</script>' } })
  const path = '/v1/webhooks/kintell/0198a000-0000-7000-8000-00000000000b'
  const startedMs = performance.now()
  for (let count = 0; count < 100; count += 1) assert.equal((await post(path, body)).status, 200)
  const seconds = Math.ceil((performance.now() - startedMs) / 1_000) + 1
  const seen = edge.rulesMet.filter(({ rule }) => rule.id === 'xss-script').length
  assert.ok(seen >= 1 && seen <= 10 * seconds, `${seen} of 100 within ${seconds} s`)
})

test('in observe mode everything passes and is counted as it would have been refused', async () => {
  await using observing = await openEdge(service.url, undefined, { mode: 'observe' })
  const token = await observing.tokenOf('company_admin')
  const answer = await post(scores, JSON.stringify({ text: "' OR '1'='1' --" }), observing, token)
  assert.equal(answer.status, 200)
  assert.ok(observing.rulesMet.some(({ rule, outcome }) => rule.id === 'sql-always-true' && outcome === 'observed'))
  assert.equal(observing.refusals.length, 0)
})

test('at least 85 % of attacks that no rule was made for are refused over HTTP, as they are and URL-encoded', async () => {
  const samples = attacks.filter(({ half }) => half === 'held-out')
  for (const name of ['plain', 'URL-encoded']) {
    const statuses = await Promise.all(
      samples.map(async ({ text }) => (await postText(encodings[name]?.(text) ?? '')).status),
    )
    const refused = statuses.filter((status) => status === 403).length
    assert.ok(refused >= 0.85 * samples.length, `${name}: ${refused} of ${samples.length}`)
  }
})
