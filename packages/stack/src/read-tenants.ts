import postgres from 'postgres'

/** How the tenants of a stack are: counts, and the ids of those that somebody should know of. */
export type TenantStates = {
  readonly open: number
  readonly closed: number
  readonly suspended: readonly string[]
  /** asked to close, with the time it will */
  readonly closing: readonly { readonly id: string; readonly closesAt: Date }[]
  /** open, and nobody administers it */
  readonly unadministered: readonly string[]
}

type Row = {
  readonly id: string
  readonly suspended_at: Date | null
  readonly closes_at: Date | null
  readonly closed_at: Date | null
  readonly administered: boolean
}

/** Reads the tenants as the server's superuser, past row-level security: for a look at a stack from outside. */
export async function readTenants(superuserUrl: string): Promise<TenantStates> {
  const url = new URL(superuserUrl)
  url.pathname = '/csr'
  const client = postgres(url.href, { max: 1, connect_timeout: 5, onnotice: () => undefined })
  try {
    const rows = await client<Row[]>`
      select tenant_id as id, suspended_at, closes_at, closed_at, exists (
        select from gateway.memberships m where m.tenant_id = t.tenant_id and m.roles @> array['company_admin']
      ) as administered
      from gateway.tenants t order by tenant_id`
    const alive = rows.filter(({ closed_at }) => closed_at === null)
    const open = alive.filter(({ suspended_at }) => suspended_at === null)
    return {
      open: open.length,
      closed: rows.length - alive.length,
      suspended: alive.filter(({ suspended_at }) => suspended_at !== null).map(({ id }) => id),
      closing: alive.flatMap(({ id, closes_at }) => (closes_at === null ? [] : [{ id, closesAt: closes_at }])),
      unadministered: open.filter(({ administered }) => !administered).map(({ id }) => id),
    }
  } finally {
    await client.end({ timeout: 1 })
  }
}
