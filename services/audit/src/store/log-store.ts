import type { Postgres } from '@csr/postgres/connect'
import { arrayOf, statement, type Statement } from '@csr/postgres/statement'
import type { AuditRecord } from '../domain/describe-event.ts'
import {
  nodesOfInclusion,
  proveInclusion,
  rootOfEdge,
  subtreesOf,
  type Hash,
  type NodeAddress,
} from '../domain/merkle-tree.ts'

/** A record with its place in the log, from 1. */
export type PlacedRecord = AuditRecord & { readonly sequence: number }

export type Head = { readonly size: number; readonly root: Hash }
export type Proof = {
  readonly record: PlacedRecord
  readonly leafHash: Hash
  readonly path: readonly Hash[]
  readonly head: Head
}

/** One append-only log per tenant, and the tree over it. */
export interface LogStore {
  /** for the consumer's own group: appends in the order given */
  append(leaves: readonly { readonly id: string; readonly leaf: string }[]): Statement
  head(tenantId: string): Promise<Head>
  /** newest first; `before` is the sequence the page starts under */
  list(tenantId: string, page: { readonly before: number | null; readonly limit: number }): Promise<PlacedRecord[]>
  /** null where the tenant has no such record */
  prove(tenantId: string, id: string): Promise<Proof | null>
}

type RecordRow = { sequence: number; leaf: string }
type LogRow = { size: number; edge: (string | null)[] }
type NodeRow = { level: number; index: number; hash: string }

const wholeLog = statement<LogRow>(
  `select size, array(select encode(hash, 'hex') from unnest(edge) with ordinality as peaks (hash, level) order by level) as edge
   from audit.logs`,
)

export function createLogStore({ postgres }: { readonly postgres: Pick<Postgres, 'group'> }): LogStore {
  return {
    append: (leaves) =>
      statement('select audit.append($1::uuid[], $2::text[])', [
        arrayOf(leaves.map(({ id }) => id)),
        arrayOf(leaves.map(({ leaf }) => leaf)),
      ]),

    async head(tenantId) {
      const [[log]] = await postgres.group(tenantId, [wholeLog])
      return headOf(log)
    },

    async list(tenantId, { before, limit }) {
      const [rows] = await postgres.group(tenantId, [
        statement<RecordRow>(
          'select sequence, leaf from audit.records where $1::bigint is null or sequence < $1 order by sequence desc limit $2::int',
          [before, limit],
        ),
      ])
      return rows.map(placed)
    },

    async prove(tenantId, id) {
      const found = statement<RecordRow>('select sequence, leaf from audit.records where id = $1::uuid', [id])
      const [[row], [log]] = await postgres.group(tenantId, [found, wholeLog])
      if (!row) return null
      const head = headOf(log)
      const index = row.sequence - 1
      const read = await readNodes(postgres, tenantId, [{ level: 0, index }, ...nodesOfInclusion(index, head.size)])
      return {
        record: placed(row),
        leafHash: read({ level: 0, index }),
        path: proveInclusion(index, head.size, read),
        head,
      }
    },
  }
}

async function readNodes(
  postgres: Pick<Postgres, 'group'>,
  tenantId: string,
  addresses: readonly NodeAddress[],
): Promise<(address: NodeAddress) => Hash> {
  const [rows] = await postgres.group(tenantId, [
    statement<NodeRow>(
      `select level, index, encode(hash, 'hex') as hash from audit.nodes
       join unnest($1::int[], $2::bigint[]) as wanted (level, index) using (level, index)`,
      [arrayOf(addresses.map(({ level }) => level)), arrayOf(addresses.map(({ index }) => index))],
    ),
  ])
  const hashes = new Map(rows.map(({ level, index, hash }) => [`${level}/${index}`, Buffer.from(hash, 'hex')]))
  return ({ level, index }) => {
    const hash = hashes.get(`${level}/${index}`)
    if (!hash) throw new Error(`the log has no subtree ${level}/${index}`)
    return hash
  }
}

/** The perfect subtrees of a log of `size` records are its right edge: one per set bit of the size. */
function headOf(log: LogRow | undefined): Head {
  const size = log?.size ?? 0
  const edge = (log?.edge ?? []).map((hash) => (hash === null ? null : Buffer.from(hash, 'hex')))
  const expected = subtreesOf(0, size).length
  if (edge.filter((hash) => hash !== null).length !== expected)
    throw new Error(`the right edge does not fit size ${size}`)
  return { size, root: rootOfEdge(edge) }
}

function placed({ sequence, leaf }: RecordRow): PlacedRecord {
  return { ...(JSON.parse(leaf) as AuditRecord), sequence }
}
