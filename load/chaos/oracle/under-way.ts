import { readFile } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { services, type Service } from '@csr/contracts/services'
import { inboxPrefixOf } from '@csr/messaging/users'
import { jetstreamManager } from '@nats-io/jetstream'
import { connect, nkeyAuthenticator } from '@nats-io/transport-node'
import type { RigStack } from '../rig-stack.ts'

/** Somewhere events wait that are not effective yet. */
export type UnderWay = {
  /** `ingest.outbox`, `profile.parked`, `durable q2q-on-text-screened` */
  readonly place: string
  readonly count: number
}

/** Where anything waits now. Throws while a server does not answer: then nobody knows. */
export async function findUnderWay(stack: RigStack): Promise<UnderWay[]> {
  const rows = await stack.ask((sql) => sql.unsafe<UnderWay[]>(services.map(waitingText).join(' union all ')))
  const waiting = rows.filter(({ count }) => count > 0).map(({ place, count }) => ({ place, count }))
  return [...waiting, ...(await unreadDurables(stack))]
}

const waitingText = (service: Service): string => `
  select '${service}.outbox' as place, count(*)::int as count from ${service}.outbox where sequence is null
  union all select '${service}.parked', count(*)::int from ${service}.parked
  union all select '${service}.started', count(*)::int from ${service}.started`

async function unreadDurables({ document }: RigStack): Promise<UnderWay[]> {
  const seed = (await readFile(document.nats.adminCredentials, 'utf8')).trim()
  const connection = await connect({
    servers: document.nats.url,
    inboxPrefix: inboxPrefixOf('admin'),
    authenticator: nkeyAuthenticator(new TextEncoder().encode(seed)),
    timeout: 3_000,
    reconnect: false,
  })
  try {
    const manager = await jetstreamManager(connection, { checkAPI: false })
    const unread: UnderWay[] = []
    for await (const stream of manager.streams.list()) {
      for await (const { name, num_pending: waiting, num_ack_pending: unacknowledged } of manager.consumers.list(
        stream.config.name,
      )) {
        if (waiting + unacknowledged > 0) unread.push({ place: `durable ${name}`, count: waiting + unacknowledged })
      }
    }
    return unread
  } finally {
    await connection.close()
  }
}

/** What ends the wait: nothing is under way, or the time is over and this still is. `tolerated` places do not count. */
export async function untilSettled(stack: RigStack, withinMs: number): Promise<UnderWay[]> {
  const endsAt = performance.now() + withinMs
  let last: UnderWay[] = [{ place: 'somewhere: a server does not answer', count: 1 }]
  for (let quiet = 0; performance.now() < endsAt;) {
    try {
      last = await findUnderWay(stack)
      quiet = last.length === 0 ? quiet + 1 : 0
    } catch {
      quiet = 0
    }
    if (quiet === quietLooks) return []
    await pause(everyMs)
  }
  return last
}

/** What is between an acknowledgement and the next outbox row shows in neither: it has to be quiet twice in a row. */
const quietLooks = 2
const everyMs = 300
