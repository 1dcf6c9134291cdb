import { setTimeout as wait } from 'node:timers/promises'
import { listActivities, searchProfiles } from '@csr/contracts/http/profile'
import { request } from 'undici'
import type { BenchStack } from './bench-stack.ts'
import { sessionBody, signedRequest } from './webhook-requests.ts'

/** A probe looks again after this long, or a fiftieth of the time it has waited: a late answer is known as exactly as an early one. */
const pollLeastMs = 5
const pollShare = 1 / 50
const givenUpAfterMs = 30_000

/**
 * Measures, `perSecond` times a second, how long a signed webhook takes until the activity is in the profile, as a reader
 * of the API sees it. Each probe has a person of its own, known beforehand. Whether it pays to ask the API is read from the
 * table every five milliseconds or later: asking the API itself as often would be a load of its own, up to a hundred reads a second.
 */
export async function probeVisibleLag(stack: BenchStack, seconds: number, perSecond: number): Promise<number[]> {
  const people = await preparePeople(stack, 40)
  const token = await stack.client.token({ tenantId: stack.tenantId, role: 'programme_manager' })
  const lags: number[] = []
  const probes: Promise<void>[] = []
  const endMs = performance.now() + seconds * 1_000
  for (let count = 0; performance.now() < endMs; count += 1) {
    const person = people[count % people.length]
    if (person) probes.push(probe(person, count))
    await wait(1_000 / perSecond)
  }
  await Promise.all(probes)
  return lags.toSorted((a, b) => a - b)

  async function probe({ email, profileId }: Person, count: number): Promise<void> {
    const id = `probe-${Date.now()}-${count}`
    const startedMs = performance.now()
    await send(stack, id, email)
    const url = new URL(listActivities.path.replace(':id', profileId), stack.document.gateway)
    url.searchParams.set('limit', '5')
    while (performance.now() - startedMs < givenUpAfterMs) {
      if (!(await isCommitted(stack, profileId, id))) {
        await wait(Math.max(pollLeastMs, (performance.now() - startedMs) * pollShare))
        continue
      }
      const { body } = await request(url, { headers: { authorization: `Bearer ${token}` } })
      const { items } = (await body.json()) as { items?: { sourceId: string }[] }
      if (items?.some(({ sourceId }) => sourceId === id)) return void lags.push(performance.now() - startedMs)
    }
    lags.push(givenUpAfterMs)
  }
}

async function isCommitted(stack: BenchStack, profileId: string, sourceId: string): Promise<boolean> {
  const rows = await stack.superuser`select 1 from profile.activities
    where tenant_id = ${stack.tenantId} and subject_id = ${profileId} and occurred_at > '-infinity' and source_id = ${sourceId}`
  return rows.length > 0
}

type Person = { readonly email: string; readonly profileId: string }

async function preparePeople(stack: BenchStack, count: number): Promise<Person[]> {
  const emails = Array.from({ length: count }, (_, index) => `probe-${index}@example.org`)
  for (const email of emails) await send(stack, `prepare-${email}`, email)
  const token = await stack.client.token({ tenantId: stack.tenantId, role: 'programme_manager' })
  const people: Person[] = []
  for (const email of emails) {
    for (let tries = 0; ; tries += 1) {
      const { items } = await stack.client.call(searchProfiles, { token, body: { email } })
      const found = items[0]
      if (found) {
        people.push({ email, profileId: found.id })
        break
      }
      if (tries > 1_000) throw new Error('a prepared person has no profile')
      await wait(20)
    }
  }
  return people
}

async function send(stack: BenchStack, id: string, participant: string): Promise<void> {
  const completedAt = new Date().toISOString()
  const body = sessionBody({ id, participant, volunteer: 'probe-volunteer@example.org', completedAt })
  const raw = signedRequest(stack.kintell, body, Math.floor(Date.now() / 1_000)).toString()
  const [head = ''] = raw.split('\r\n\r\n')
  const headers = Object.fromEntries(
    head
      .split('\r\n')
      .slice(1)
      .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]),
  )
  const answer = await request(stack.kintell.url, { method: 'POST', headers, body })
  const text = await answer.body.text()
  if (answer.statusCode !== 202) throw new Error(`a probe was answered ${answer.statusCode}: ${text}`)
}
