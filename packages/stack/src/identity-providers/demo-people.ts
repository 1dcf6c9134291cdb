import { createHash } from 'node:crypto'
import type { Role } from '@csr/contracts/permissions'

/** Names of the two providers, in our settings and in their addresses. */
export type LocalProvider = 'google' | 'azure'

/** Somebody who can sign in at the local providers. Nobody here exists. */
export type DemoPerson = {
  readonly provider: LocalProvider
  readonly email: string
  readonly name: string
  /** the role in the demo tenant, or on the platform; null for people whom no company knows */
  readonly role: Role | null
  /** Google: the hosted domain; private accounts have none */
  readonly hd?: string
  /** Entra: the directory */
  readonly tid?: string
}

/** What the demo company verified: a hosted domain at Google, a directory at Entra. */
export const demoCompany = { hd: 'company.example.org', tid: '6f2c1a70-52d3-4b0e-8a55-0d6a4f1c9b01' } as const
/** Who runs the platform. */
const operators = { hd: 'backbone.example.org', tid: '6f2c1a70-52d3-4b0e-8a55-0d6a4f1c9b02' } as const
/** The directory in which Entra keeps private Microsoft accounts. */
const privateAccounts = '9188040d-6c67-4c5b-b112-36a304b66dad'
/** A company that has nothing to do with this one. */
const stranger = { hd: 'stranger.example.org', tid: '6f2c1a70-52d3-4b0e-8a55-0d6a4f1c9b03' } as const

/** Directories from which people come here at all; the stranger's is not among them. */
export const demoDirectories: readonly string[] = [demoCompany.tid, operators.tid, privateAccounts]

export const demoPeople: readonly DemoPerson[] = [
  person('google', 'olav.operator@backbone.example.org', 'Olav Operator', 'platform_admin', operators),
  person('google', 'ada.admin@company.example.org', 'Ada Admin', 'company_admin', demoCompany),
  person('google', 'per.manager@company.example.org', 'Per Manager', 'programme_manager', demoCompany),
  person('google', 'olga.auditor@company.example.org', 'Olga Auditor', 'auditor', demoCompany),
  person('google', 'mina.participant@mail.example.org', 'Mina Participant', 'participant', {}),
  person('google', 'nils.nobody@stranger.example.org', 'Nils Nobody', null, stranger),
  person('azure', 'oda.operator@backbone.example.org', 'Oda Operator', 'platform_admin', operators),
  person('azure', 'arne.admin@company.example.org', 'Arne Admin', 'company_admin', demoCompany),
  person('azure', 'petra.manager@company.example.org', 'Petra Manager', 'programme_manager', demoCompany),
  person('azure', 'ole.auditor@company.example.org', 'Ole Auditor', 'auditor', demoCompany),
  person('azure', 'taras.participant@mail.example.org', 'Taras Participant', 'participant', { tid: privateAccounts }),
  person('azure', 'nora.nobody@stranger.example.org', 'Nora Nobody', null, stranger),
]

type Organisation = { readonly hd?: string; readonly tid?: string }

function person(
  provider: LocalProvider,
  email: string,
  name: string,
  ...[role, { hd, tid }]: [Role | null, Organisation]
): DemoPerson {
  const organisation =
    provider === 'google' ? { ...(hd !== undefined && { hd }) } : { ...(tid !== undefined && { tid }) }
  return { provider, email, name, role, ...organisation }
}

/** `sub` as the provider writes it: 21 digits at Google; at Entra 43 characters, another for each application. */
export function subjectOf({ provider, email }: Pick<DemoPerson, 'provider' | 'email'>): string {
  const hash = createHash('sha256').update(`${provider}\n${email}`).digest()
  if (provider === 'azure') return hash.toString('base64url')
  return `1${(hash.readBigUInt64BE() * 100n + BigInt((hash[8] ?? 0) % 100)).toString().padStart(22, '0').slice(-20)}`
}

/** `oid` of Entra: the same person in every application. */
export function objectIdOf({ email }: Pick<DemoPerson, 'email'>): string {
  const hex = createHash('sha256').update(`object\n${email}`).digest('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}
