import postgres from 'postgres'
import { ownerRole } from '@csr/postgres/bootstrap-roles'
import { Refusal } from './refusal.ts'

/** Where one of the two databases is, and how to get in. */
export type DatabasePlace = {
  /** may create roles and databases */
  readonly adminUrl: string
  readonly database: 'csr' | 'csr_keys'
  /** false where the server is not the stack's own */
  readonly embedded: boolean
}

/** The address of a place for one of our roles. */
export function placeUrl(place: DatabasePlace, role: string, passwords: Readonly<Record<string, string>>): string {
  const url = new URL(place.adminUrl)
  url.username = encodeURIComponent(role)
  url.password = encodeURIComponent(passwords[role] ?? '')
  url.pathname = `/${place.database}`
  return url.href
}

/** The owner's address of a place: migrations run with it. */
export function ownerUrl(place: DatabasePlace, passwords: Readonly<Record<string, string>>): string {
  return placeUrl(place, ownerRole, passwords)
}

/** Reads an address of a server that somebody else runs. Throws Refusal. */
export function givenPlace(name: string, value: string, database: DatabasePlace['database']): DatabasePlace {
  if (!URL.canParse(value) || !/^postgres(ql)?:$/.test(new URL(value).protocol)) {
    throw new Refusal(`${name} is not a postgres:// address.`, { exitCode: 2 })
  }
  return { adminUrl: value, database, embedded: false }
}

/** Whether this database is on the server already; tells at the same time whether the server lets us in. Throws Refusal. */
export async function databaseExists(place: DatabasePlace): Promise<boolean> {
  const client = postgres(place.adminUrl, { max: 1, connect_timeout: 5, fetch_types: false, onnotice: () => undefined })
  try {
    const found = await client`select 1 from pg_database where datname = ${place.database}`
    return found.length > 0
  } catch (error) {
    const { host } = new URL(place.adminUrl)
    const reason = (error as { code?: string }).code ?? 'no answer'
    throw new Refusal(`The PostgreSQL server ${host} cannot be used (${reason}).`, { cause: error })
  } finally {
    await client.end({ timeout: 1 })
  }
}
