import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import type { Partner } from '@csr/contracts/events/ingest'
import { createTenant } from '@csr/contracts/http/tenants'
import { createEndpoint } from '@csr/contracts/http/ingest'
import { listActivities, searchProfiles, type Activity, type Profile } from '@csr/contracts/http/profile'
import { listOutcomes, type Outcome } from '@csr/contracts/http/q2q'
import type { Role } from '@csr/contracts/permissions'
import { eventually } from '@csr/testkit/eventually'
import type { TestStack } from '@csr/testkit/stack'
import { sign } from '@csr/testkit/webhooks'

/** The answer of a route as an outsider sees it. */
export type Answer = { readonly status: number; readonly body: Record<string, unknown> }

/** One company on a running stack: its staff's token and one partner endpoint. */
export type Company = {
  readonly tenantId: string
  readonly webhookUrl: string
  readonly secret: string
  /** a fresh token, so that no test outlives one */
  token(role?: Role, subject?: string): Promise<string>
  /** posts a signed webhook once; a connection that breaks counts as status 0 */
  post(body: unknown, id?: string): Promise<Answer>
  call(method: string, path: string, body?: unknown, token?: string): Promise<Answer>
  find(email: string): Promise<Profile | undefined>
  /** waits until the person is there */
  person(email: string): Promise<Profile>
  activities(profileId: string): Promise<readonly Activity[]>
  outcomes(profileId: string): Promise<readonly Outcome[]>
}

/** What of a stack an outsider reaches. */
export type Reached = Pick<TestStack, 'gateway' | 'token'> & { readonly document: { readonly gateway: string } }

export async function newCompany(stack: Reached, name: string, partner: Partner = 'kintell'): Promise<Company> {
  const operator = await stack.token({ role: 'platform_admin' })
  const { id: tenantId } = await stack.gateway.call(createTenant, { token: operator, body: { name } })
  const token = (role: Role = 'company_admin', subject?: string) =>
    stack.token({ role, tenantId, ...(subject !== undefined && { subject }) })
  const { webhookPath, secret } = await stack.gateway.call(createEndpoint, { token: await token(), body: { partner } })
  const webhookUrl = new URL(webhookPath, stack.document.gateway).href

  async function call(method: string, path: string, body?: unknown, given?: string): Promise<Answer> {
    const headers = { authorization: `Bearer ${given ?? (await token())}`, 'content-type': 'application/json' }
    const sent = body === undefined ? {} : { body: JSON.stringify(body) }
    return await answerOf(fetch(new URL(path, stack.document.gateway), { method, headers, ...sent }))
  }

  async function find(email: string): Promise<Profile | undefined> {
    const { status, body } = await call(searchProfiles.method, searchProfiles.path, { email })
    assert.equal(status, 200, JSON.stringify(body))
    return (body['items'] as Profile[])[0]
  }

  const listed = async <Item>(path: string): Promise<readonly Item[]> => {
    const { status, body } = await call('GET', `${path}?limit=200`)
    assert.equal(status, 200, JSON.stringify(body))
    return body['items'] as Item[]
  }

  return {
    ...{ tenantId, webhookUrl, secret, token, call, find },
    post(body, id = randomUUID()) {
      const signed = JSON.stringify(body)
      const headers = sign({ secret, id, timestamp: Math.floor(Date.now() / 1_000), body: signed })
      return answerOf(fetch(webhookUrl, { method: 'POST', headers, body: signed, signal: AbortSignal.timeout(10_000) }))
    },
    person: (email) =>
      eventually(
        async () => {
          const profile = await find(email)
          assert.ok(profile, 'no profile')
          return profile
        },
        { withinMs: 30_000, what: 'a profile' },
      ),
    activities: (profileId) => listed<Activity>(listActivities.path.replace(':id', profileId)),
    outcomes: (profileId) => listed<Outcome>(listOutcomes.path.replace(':id', profileId)),
  }
}

/** Status and JSON of an answer; status 0 where there was none. */
export async function answerOf(response: Promise<Response>): Promise<Answer> {
  try {
    const got = await response
    return { status: got.status, body: (await got.json()) as Answer['body'] }
  } catch {
    return { status: 0, body: {} }
  }
}
