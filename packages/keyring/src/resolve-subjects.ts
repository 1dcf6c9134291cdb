import type { Postgres } from '@csr/postgres/connect'
import { PostgresRefused } from '@csr/postgres/errors'
import { groupCommit } from '@csr/postgres/group-commit'
import type { Statement } from '@csr/postgres/statement'
import type { Clock } from '@csr/runtime/clock'
import type { Ids } from '@csr/runtime/ids'
import { answerInTime } from './answer-in-time.ts'
import type { BlindIndexes } from './blind-index.ts'
import { KeyringUnavailable } from './errors.ts'
import type { KeyCache, KeyCell } from './key-cache.ts'
import { placeEmails, placeExternals, selectPeople } from './key-statements.ts'
import type { EmailPlacement, ExternalPlacement, PersonRow } from './key-statements.ts'
import { remember } from './load-keys.ts'
import type { PersonCache } from './person-cache.ts'
import type { TenantKey, TenantKeys } from './tenant-keys.ts'

/** Who a person is; `other` is there where the external id belongs to somebody else than the e-mail. */
export type Placement = { readonly subject: KeyCell; readonly other: KeyCell | null }

/** People per group: keeps a statement far below its time-out. */
const peopleMax = 500

type Deps = {
  readonly postgres: Postgres
  readonly cache: KeyCache
  readonly people: PersonCache
  readonly tenantKeys: TenantKeys
  readonly clock: Clock
  readonly ids: Ids
}

/** People by their blind indexes. */
export interface SubjectResolver {
  /** finds everyone, makes keys for who is unknown */
  resolve(tenantId: string, people: readonly BlindIndexes[]): Promise<readonly Placement[]>
  /** finds one person, creates nothing */
  find(tenantId: string, person: BlindIndexes): Promise<string | null>
}

/** Known people are answered from memory; requests that miss at the same time share a round trip and a commit. */
export function createSubjectResolver(deps: Deps): SubjectResolver {
  const placing = groupCommit<readonly BlindIndexes[], readonly Placement[]>({
    run: async (tenantId, items) => regroup(items, await placeInStore(deps, tenantId, items.flat())),
  })
  return {
    async resolve(tenantId, people) {
      const placements = people.map((person) => placeFromMemory(deps.people, tenantId, person))
      const unknown = people.filter((_, index) => !placements[index])
      if (unknown.length === 0) return placements as Placement[]
      const placed = (await answerInTime(placing.submit(tenantId, unknown))).values()
      return placements.map((placement) => placement ?? (placed.next().value as Placement))
    },
    async find(tenantId, person) {
      const known = placeFromMemory(deps.people, tenantId, person)
      return known ? known.subject.keyId : answerInTime(findInStore(deps, tenantId, person))
    },
  }
}

async function findInStore(deps: Deps, tenantId: string, person: BlindIndexes): Promise<string | null> {
  await deps.tenantKeys.get(tenantId)
  const indexes = [person.email, person.external].filter((index) => index !== null)
  const [rows] = await deps.postgres.group(tenantId, [selectPeople(indexes)])
  const idOf = (index: string | null) => rows.find((row) => row.blind_index === index && !row.erased)?.key_id
  return idOf(person.email) ?? idOf(person.external) ?? null
}

function regroup(items: readonly (readonly BlindIndexes[])[], placements: readonly Placement[]): Placement[][] {
  let at = 0
  return items.map((item) => placements.slice(at, (at += item.length)))
}

/** The person in memory, or undefined where the store has to be asked. */
function placeFromMemory(people: PersonCache, tenantId: string, person: BlindIndexes): Placement | undefined {
  const byEmail = person.email === null ? null : people.find(tenantId, person.email)
  const byExternal = person.external === null ? null : people.find(tenantId, person.external)
  return byEmail === undefined || byExternal === undefined ? undefined : place(byEmail, byExternal)
}

/** The e-mail decides; an external id that says otherwise is told, nothing is merged. */
function place(byEmail: KeyCell | null, byExternal: KeyCell | null): Placement | undefined {
  const subject = byEmail ?? byExternal
  if (!subject) return undefined
  return { subject, other: byExternal !== null && byExternal !== subject ? byExternal : null }
}

/**
 * Resolves people of one tenant in one round trip per five hundred; who is unknown gets a key and identifiers. Keys commit
 * here, before and apart from any data: a key without data is harmless.
 */
async function placeInStore(deps: Deps, tenantId: string, people: readonly BlindIndexes[]): Promise<Placement[]> {
  const placements: Placement[] = []
  for (let at = 0; at < people.length; at += peopleMax) {
    const some = people.slice(at, at + peopleMax)
    const strangers = some.filter((person) => !wasRead(deps.people, person))
    const placed =
      (await placeSome(deps, tenantId, some, strangers)) ??
      (await placeSome(deps, tenantId, some, some)) ??
      (await placeSome(deps, tenantId, some, some))
    if (!placed) throw new KeyringUnavailable('a person was erased while being resolved')
    placements.push(...placed)
  }
  return placements
}

/** Whoever was here before is read again; only where nobody is found any more they are placed like strangers. */
function wasRead(people: PersonCache, { email, external }: BlindIndexes): boolean {
  return (email === null || people.wasRead(email)) && (external === null || people.wasRead(external))
}

/**
 * Reads people, after placing those of them who are strangers. Undefined where an identifier is not there: its person was
 * erased, since it was last read or in that moment.
 */
async function placeSome(
  deps: Deps,
  tenantId: string,
  people: readonly BlindIndexes[],
  strangers: readonly BlindIndexes[],
): Promise<Placement[] | undefined> {
  const tenantKey = await deps.tenantKeys.get(tenantId)
  const rows = await placeAndRead(deps.postgres, tenantId, [
    ...(strangers.length > 0 ? placeStrangers(strangers, tenantKey, deps) : []),
    selectPeople(indexesOf(people)),
  ])
  if (!rows) return undefined
  const cells = rememberPeople(deps, tenantId, tenantKey, rows)
  const placed = people.map((person) => {
    const byEmail = person.email === null ? null : cells.get(person.email)
    const byExternal = person.external === null ? null : cells.get(person.external)
    return byEmail === undefined || byExternal === undefined ? undefined : place(byEmail, byExternal)
  })
  return placed.every((placement) => placement !== undefined) ? placed : undefined
}

/** Everybody's identifiers, each once. */
function indexesOf(people: readonly BlindIndexes[]): string[] {
  const indexes = people.flatMap(({ email, external }) => [email, external])
  return [...new Set(indexes.filter((index) => index !== null))]
}

function placeStrangers(
  strangers: readonly BlindIndexes[],
  tenantKey: TenantKey,
  { ids, clock }: Deps,
): Statement<never>[] {
  const { emails, externals } = plan(strangers, tenantKey, ids)
  const createdAt = clock.now()
  return [placeEmails(emails, createdAt), placeExternals(externals, createdAt)]
}

/** An identifier cannot be added to a person who is being erased: the reference to the person's key refuses it. */
async function placeAndRead(
  postgres: Postgres,
  tenantId: string,
  statements: readonly [...Statement<never>[], Statement<PersonRow>],
): Promise<PersonRow[] | undefined> {
  try {
    const answers: readonly (readonly unknown[])[] = await postgres.group(tenantId, statements)
    return answers.at(-1) as PersonRow[]
  } catch (error) {
    if (error instanceof PostgresRefused && error.sqlstate === foreignKeyViolation) return undefined
    throw error
  }
}

const foreignKeyViolation = '23503'

/** Each identifier once; of several people with one identifier the first that names its counterpart decides. */
function plan(people: readonly BlindIndexes[], tenantKey: TenantKey, ids: Ids) {
  const externalOf = new Map<string, string | null>()
  const emailOf = new Map<string, string | null>()
  for (const { email, external } of people) {
    if (email !== null) externalOf.set(email, externalOf.get(email) ?? external)
    if (external !== null) emailOf.set(external, emailOf.get(external) ?? email)
  }
  const newKey = () => tenantKey.create(ids.uuid())
  const emails: EmailPlacement[] = [...externalOf].map(([email, external]) => ({ email, external, key: newKey() }))
  const externals: ExternalPlacement[] = [...emailOf].map(([external, email]) => ({
    external,
    email,
    key: email === null ? newKey() : null,
  }))
  return { emails, externals }
}

function rememberPeople({ cache, people }: Deps, tenantId: string, tenantKey: TenantKey, rows: readonly PersonRow[]) {
  const byKey = new Map<string, KeyCell>()
  const byIndex = new Map<string, KeyCell>()
  for (const row of rows) {
    const cell = byKey.get(row.key_id) ?? remember(cache, tenantId, tenantKey, row)
    byKey.set(row.key_id, cell)
    byIndex.set(row.blind_index, cell)
    people.put(row.blind_index, cell)
  }
  return byIndex
}
