import type { Keyring } from '@csr/keyring/keyring'
import type { Postgres } from '@csr/postgres/connect'
import { groupCommit } from '@csr/postgres/group-commit'
import type { Statement } from '@csr/postgres/statement'
import type { Clock } from '@csr/runtime/clock'
import type { Activity } from '../domain/profile.ts'
import { activityOf, applyReports, type Change, type Rule, type SealedReport } from './batch.ts'
import * as queries from './queries.ts'
import { openPersonal, type PersonalValues } from './sealed-profile.ts'

/** A profile as it is shown; `personal` is null where personal fields were not asked for. */
export type ProfileView = {
  readonly id: string
  readonly personal: PersonalValues | null
  readonly programmes: readonly { readonly id: string; readonly name: string }[]
  readonly createdAt: string
  readonly changedAt: string
}

/** Where a page of a list begins, newest first: behind the item with this time and id. */
export type ListPosition = { readonly at: string; readonly id: string }
export type Page = { readonly after: ListPosition | null; readonly limit: number }

/** An activity with the scores of its text, where there are any. */
export type ActivityView = Activity & { readonly outcome: queries.AttachedOutcome | null }

export interface ProfileStore {
  /**
   * Reads what a batch of one tenant is about, applies the rule, and says what to commit. Nothing is written here: the
   * statements belong into the transaction that claims the batch, and raise CS001 there if what was read has changed.
   */
  change(tenantId: string, reports: readonly SealedReport[], rule: Rule): Promise<Change>
  get(tenantId: string, subjectId: string, options: { personal: boolean }): Promise<ProfileView | null>
  list(tenantId: string, page: Page, options: { personal: boolean }): Promise<readonly ProfileView[]>
  /** The person with this e-mail address, personal fields included. */
  findByEmail(tenantId: string, email: string): Promise<ProfileView | null>
  /** null where there is no such profile */
  activities(tenantId: string, subjectId: string, page: Page): Promise<readonly ActivityView[] | null>
}

type Deps = {
  readonly postgres: Pick<Postgres, 'group'>
  readonly keyring: Pick<Keyring, 'load' | 'findSubject' | 'fingerprintUuid'>
  readonly clock: Clock
}

export function createProfileStore(deps: Deps): ProfileStore {
  const { postgres, keyring } = deps
  const { basic, personal: opened } = createViews(deps)
  // Reads that come at the same time share a round trip; each begins after it was asked for, so it misses no commit.
  const together = groupCommit<string, ProfileView | null>({
    run: async (tenantId, subjectIds) => {
      const views = new Map(
        (await basic(tenantId, queries.basicByIds(distinct(subjectIds)))).map((view) => [view.id, view]),
      )
      return subjectIds.map((subjectId) => views.get(subjectId.toLowerCase()) ?? null)
    },
  })
  return {
    change: (tenantId, reports, rule) => change(deps, tenantId, reports, rule),
    get: async (tenantId, subjectId, { personal }) => {
      if (!personal) return await together.submit(tenantId, subjectId)
      const [view] = await opened(tenantId, queries.personalById({ subjectId }))
      return view ?? null
    },
    list: (tenantId, page, { personal }) =>
      personal
        ? opened(tenantId, queries.personalPage(startOf(page)))
        : basic(tenantId, queries.basicPage(startOf(page))),
    findByEmail: async (tenantId, email) => {
      const subjectId = await keyring.findSubject(tenantId, { email })
      if (subjectId === null) return null
      const [view] = await opened(tenantId, queries.personalById({ subjectId }))
      return view ?? null
    },
    activities: async (tenantId, subjectId, page) => {
      const [profiles, rows] = await postgres.group(tenantId, [
        queries.profileExists({ subjectId }),
        queries.activityPage({ subjectId, ...startOf(page) }),
      ])
      return profiles.length > 0 ? rows.map((row) => ({ ...activityOf(row), outcome: row.outcome })) : null
    },
  }
}

async function change(deps: Deps, tenantId: string, reports: readonly SealedReport[], rule: Rule): Promise<Change> {
  const { postgres, keyring, clock } = deps
  const ids = distinct(reports.map(({ activity }) => activity.id))
  const subjectIds = distinct(reports.map(({ activity }) => activity.subjectId))
  const [activities, profiles] = await postgres.group(tenantId, [
    queries.activitiesById(ids),
    queries.profilesOfBatch(subjectIds, ids),
  ])
  const keys = await keyring.load(tenantId, distinct([...subjectIds, ...profiles.map((row) => row.subject_id)]))
  return applyReports({ profiles, activities }, reports, rule, {
    keys,
    at: clock.now(),
    programmeIdOf: (name) => keyring.fingerprintUuid(tenantId, 'programme', name),
  })
}

function createViews({ postgres, keyring }: Deps) {
  return {
    basic: async (tenantId: string, query: Statement<queries.BasicRow>): Promise<ProfileView[]> => {
      const [rows] = await postgres.group(tenantId, [query])
      return rows.map((row) => viewOf(row, null))
    },
    /** A person who is erased has no profile, even while the row is still there. */
    personal: async (tenantId: string, query: Statement<queries.PersonalRow>): Promise<ProfileView[]> => {
      const [rows] = await postgres.group(tenantId, [query])
      const keys = await keyring.load(
        tenantId,
        rows.map((row) => row.subject_id),
      )
      return rows.filter((row) => !keys.erased(row.subject_id)).map((row) => viewOf(row, openPersonal(row, keys)))
    },
  }
}

function viewOf(row: queries.BasicRow, personal: PersonalValues | null): ProfileView {
  const { subject_id: id, programmes, created_at: createdAt, changed_at: changedAt } = row
  return { id, personal, programmes, createdAt, changedAt }
}

const startOf = ({ after, limit }: Page) => ({ ...(after ?? queries.listStart), limit })

const distinct = (ids: readonly string[]) => [...new Set(ids)]
