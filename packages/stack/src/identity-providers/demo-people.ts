import { createHash } from 'node:crypto'
import type { Role } from '@csr/contracts/permissions'
import { participants } from '../samples/sample-people.ts'

/** Names of the two providers, in our settings and in their addresses. */
export type LocalProvider = 'google' | 'azure'

/** Somebody who can sign in at the local providers. Nobody here exists. */
export type DemoPerson = {
  readonly provider: LocalProvider
  readonly email: string
  readonly name: string
  /** in the demo tenant, or on the platform; participants are people of the samples; null: known to no company */
  readonly role: Role | null
  /** Google: the hosted domain; private accounts have none */
  readonly hd?: string
  /** Entra: the directory */
  readonly tid?: string
}

type Organisation = { readonly hd: string; readonly tid: string }

/** What the demo company verified: a hosted domain at Google, a directory at Entra. */
export const demoCompany: Organisation = {
  hd: 'company.example.org',
  tid: '6f2c1a70-52d3-4b0e-8a55-0d6a4f1c9b01',
}
/** Who runs the platform. */
const operators: Organisation = { hd: 'backbone.example.org', tid: '6f2c1a70-52d3-4b0e-8a55-0d6a4f1c9b02' }
/** A company that has nothing to do with this one. */
const strangers: Organisation = { hd: 'stranger.example.org', tid: '6f2c1a70-52d3-4b0e-8a55-0d6a4f1c9b03' }
/** The directory in which Entra keeps private Microsoft accounts. */
const privateAccounts = '9188040d-6c67-4c5b-b112-36a304b66dad'

/** Directories from which people come here at all; the strangers' is not among them. */
export const demoDirectories: readonly string[] = [demoCompany.tid, operators.tid, privateAccounts]

const google = ({ hd }: Organisation) => ({ provider: 'google', hd }) as const
const azure = ({ tid }: Organisation) => ({ provider: 'azure', tid }) as const
const [someone, someoneElse] = participants

export const demoPeople: readonly DemoPerson[] = [
  { ...google(operators), email: 'olav.operator@backbone.example.org', name: 'Olav Operator', role: 'platform_admin' },
  { ...google(demoCompany), email: 'ada.admin@company.example.org', name: 'Ada Admin', role: 'company_admin' },
  { ...google(demoCompany), email: 'per.manager@company.example.org', name: 'Per Manager', role: 'programme_manager' },
  { ...google(demoCompany), email: 'olga.auditor@company.example.org', name: 'Olga Auditor', role: 'auditor' },
  { provider: 'google', email: someone?.email ?? '', name: someone?.name ?? '', role: 'participant' },
  { ...google(strangers), email: 'nils.nobody@stranger.example.org', name: 'Nils Nobody', role: null },
  { ...azure(operators), email: 'oda.operator@backbone.example.org', name: 'Oda Operator', role: 'platform_admin' },
  { ...azure(demoCompany), email: 'arne.admin@company.example.org', name: 'Arne Admin', role: 'company_admin' },
  {
    ...azure(demoCompany),
    email: 'petra.manager@company.example.org',
    name: 'Petra Manager',
    role: 'programme_manager',
  },
  { ...azure(demoCompany), email: 'ole.auditor@company.example.org', name: 'Ole Auditor', role: 'auditor' },
  {
    ...{ provider: 'azure', tid: privateAccounts, role: 'participant' },
    ...{ email: someoneElse?.email ?? '', name: someoneElse?.name ?? '' },
  },
  { ...azure(strangers), email: 'nora.nobody@stranger.example.org', name: 'Nora Nobody', role: null },
]

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
