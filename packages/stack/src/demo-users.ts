import { acceptInvitation, addMember, putSignInRules } from '@csr/contracts/http/accounts'
import { inviteParticipant } from '@csr/contracts/http/invitations'
import { searchProfiles } from '@csr/contracts/http/profile'
import { startSignIn } from '@csr/contracts/http/sign-in'
import { platformTenantId } from '@csr/contracts/services'
import { z } from 'zod'
import type { GatewayClient } from './gateway-client.ts'
import { createBrowser } from './headless-browser.ts'
import { localIssuers } from './identity-providers/addresses.ts'
import { demoCompany, demoPeople, subjectOf, type DemoPerson } from './identity-providers/demo-people.ts'
import { Refusal } from './refusal.ts'
import { readJson, writeAtomically } from './write-atomically.ts'

type DemoUser = { readonly email: string; readonly role: string; readonly provider: string }

/** Everybody with a role, as `stack.json` lists them. */
export const demoUsers: readonly DemoUser[] = demoPeople.flatMap(({ email, role, provider }) =>
  role === null ? [] : [{ email, role, provider }],
)

/** The demo company and where things are. */
export type DemoPlace = {
  readonly tenantId: string
  readonly gatewayUrl: string
  /** where the local providers answer; accounts belong to an issuer, and so to this address */
  readonly providersUrl: string
  readonly stateFile: string
}

/** The part of the demo's state that is kept here: subjects that have their role, by the address of the providers. */
const remembered = z.object({ users: z.record(z.string(), z.array(z.string())).default({}) })

/**
 * Gives the demo company its verified domains and everybody on its staff, and the operators, their role, as an operator
 * would: before their first sign-in, by issuer and subject. May be cut off anywhere and called at every start.
 */
export async function makeDemoStaff(client: GatewayClient, demo: DemoPlace): Promise<void> {
  const staff = demoPeople.filter(({ role }) => role !== null && role !== 'participant')
  const missing = staff.filter((person) => !hasRole(demo, person))
  if (missing.length === 0) return
  const token = await client.token({ tenantId: platformTenantId, role: 'platform_admin' })
  const domains = [
    { claim: 'hd' as const, value: demoCompany.hd },
    { claim: 'tid' as const, value: demoCompany.tid },
  ]
  await client.call(putSignInRules, {
    token,
    params: { id: demo.tenantId },
    body: { domains, role: 'programme_manager', secondFactor: false },
  })
  for (const person of missing) {
    const { provider, role } = person
    const issuer = localIssuers(demo.providersUrl).of(person)
    const params = { id: role === 'platform_admin' ? platformTenantId : demo.tenantId }
    await client.call(addMember, { token, params, body: { provider, issuer, subject: subjectOf(person), role } })
    remember(demo, person)
  }
}

/**
 * Binds the demo's participants to their records, as it is done with everybody: staff invite, the person signs in and
 * accepts. Who has no record yet, as without the samples, is passed over until one is there.
 */
export async function bindDemoParticipants(client: GatewayClient, demo: DemoPlace): Promise<void> {
  for (const person of demoPeople) {
    if (person.role !== 'participant' || hasRole(demo, person)) continue
    const token = await client.token({ tenantId: demo.tenantId, role: 'company_admin' })
    const found = await client.call(searchProfiles, { token, body: { email: person.email } })
    const profile = found.items[0]
    if (profile === undefined) continue
    const invitation = await client.call(inviteParticipant, { token, params: { id: profile.id } })
    await acceptAs(person, invitation.token, demo)
    remember(demo, person)
  }
}

/** From another loopback address than everybody's: what set-up does counts against nobody's limit. */
const ownAddress = '127.0.0.77'

async function acceptAs({ provider, email }: DemoPerson, token: string, { gatewayUrl }: DemoPlace): Promise<void> {
  const browser = createBrowser(process.platform === 'linux' ? { localAddress: ownAddress } : {})
  const chooser = await browser.open(`${gatewayUrl}${startSignIn.path.replace(':provider', provider)}`)
  await browser.press(chooser, email)
  const accepted = await browser.post(`${gatewayUrl}${acceptInvitation.path.replace(':token', token)}`)
  if (accepted.status !== 200) throw new Refusal(`${email} could not accept an invitation: status ${accepted.status}`)
}

const stateOf = ({ stateFile }: DemoPlace) => remembered.loose().parse(readJson(stateFile) ?? {})

function hasRole(demo: DemoPlace, person: DemoPerson): boolean {
  return stateOf(demo).users[demo.providersUrl]?.includes(subjectOf(person)) === true
}

function remember(demo: DemoPlace, person: DemoPerson): void {
  const state = stateOf(demo)
  const known = state.users[demo.providersUrl] ?? []
  const users = { ...state.users, [demo.providersUrl]: [...known, subjectOf(person)] }
  writeAtomically(demo.stateFile, JSON.stringify({ ...state, users }, null, 2))
}
