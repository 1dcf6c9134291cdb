import { once } from 'node:events'
import net from 'node:net'
import postgres from 'postgres'
import { PostgresUnavailable, translate } from './errors.ts'
import { types, type Encoded } from './values.ts'

/** What the server answered to one statement: its rows and the first word of its command tag. */
export type Answer = { readonly rows: unknown[]; readonly command: string }

/** A statement to send, and who hears of its end. */
export type Sending = Encoded & {
  answered(answer: Answer): void
  failed(error: unknown): void
}

/**
 * One connection: one driver instance that connects once, never again. What is sent in one turn of the event loop leaves
 * in one write and is answered in order. A lane that saw an error is thrown away, never mended.
 */
export interface Lane {
  /**
   * Sends the statements in one write, answered together at the end of the last one. Returns whether the last one has
   * been handed to the socket: statements wait for those that this connection sees for the first time.
   */
  send(sendings: readonly Sending[]): () => boolean
  ask(text: string, values?: readonly (string | null)[]): Promise<Answer>
  /** true once the connection is of no more use */
  readonly closed: boolean
  /** called once, when the connection ends for whatever reason; at once where it has ended already */
  onClose(listener: () => void): void
  /** says goodbye after what is under way and closes; does not wait for answers */
  end(): void
  /** closes at once, without waiting for a server that may not answer */
  destroy(): void
}

export type LaneOptions = {
  readonly url: string
  readonly applicationName: string
  /** how long connecting and the first checks may take */
  readonly openMs: number
}

/** Server-side limits of every connection. A client that vanished is noticed while a statement runs. */
const sessionSettings = {
  statement_timeout: '1200ms',
  lock_timeout: '500ms',
  idle_in_transaction_session_timeout: '3s',
  client_connection_check_interval: '500ms',
  TimeZone: 'UTC',
  DateStyle: 'ISO',
  IntervalStyle: 'iso_8601',
  extra_float_digits: '1',
  // Statements are looked up by key, so one plan fits all values: planning each time anew costs the server a quarter of
  // its work. And a plan stays: one made while a table is small must not read it whole for ever after.
  plan_cache_mode: 'force_generic_plan',
  enable_seqscan: 'off',
}

/** Sets the tenant of the running transaction. */
export const setTenant = `select set_config('app.tenant_id', $1, true)`

/** Refuses what would break the promises silently: commits that do not wait for the disk, roles that see every tenant. */
const checkSession = `
  select current_setting('fsync') = 'on' and current_setting('full_page_writes') = 'on'
           and current_setting('synchronous_commit') <> 'off' as durable,
         (select rolsuper or rolbypassrls from pg_roles where rolname = current_user) as privileged`

/** Terminate, the goodbye of the protocol: type byte and length. */
const terminateMessage = Buffer.from([0x58, 0, 0, 0, 4])

/** Opens, checks and warms a connection; fails with PostgresUnavailable and leaves nothing open. */
export async function openLane(options: LaneOptions): Promise<Lane> {
  const lane = connectLane(options)
  let late = false
  const timer = setTimeout(() => ((late = true), lane.destroy()), options.openMs)
  try {
    const { rows } = await lane.ask(checkSession)
    refuseUnsafe(rows[0] as { durable: boolean; privileged: boolean })
    await Promise.all([lane.ask('begin'), lane.ask(setTenant, ['']), lane.ask('commit')])
    return lane
  } catch (error) {
    lane.destroy()
    throw late ? new PostgresUnavailable('connection', 'no', 'CONNECT_TIMEOUT') : translate(error, checkSession, 'no')
  } finally {
    clearTimeout(timer)
  }
}

function refuseUnsafe(session: { durable: boolean; privileged: boolean }): void {
  if (!session.durable) throw new PostgresUnavailable('unsafe', 'no', 'commits-not-durable')
  if (session.privileged) throw new PostgresUnavailable('unsafe', 'no', 'role-bypasses-row-security')
}

function connectLane(options: LaneOptions): Lane {
  const socket = new net.Socket()
  const listeners: (() => void)[] = []
  let closed = false
  let connected = false

  function close(): void {
    if (closed) return
    closed = true
    for (const listener of listeners) listener()
  }

  const sql = postgres(options.url, {
    ...driverSettings,
    connection: { ...sessionSettings, application_name: options.applicationName },
    onclose: close,
    // The driver would go on with the rest of a broken group on a new connection, outside its transaction and tenant.
    socket: ({ host, port }: { host: string[]; port: number[] }) => {
      if (connected) throw new PostgresUnavailable('connection', 'unknown', 'CONNECTION_CLOSED')
      connected = true
      return connectSocket(socket, host[0] ?? 'localhost', port[0] ?? 5432)
    },
  } as unknown as postgres.Options<Record<string, postgres.PostgresType>>)

  return {
    send(sendings) {
      let last: unknown = null
      for (const [index, { text, values, answered, failed }] of sendings.entries()) {
        const query = sql.unsafe(text, values as string[], index < sendings.length - 1 ? piped : single)
        query.then((result) => answered({ rows: result.slice() as unknown[], command: result.command }), failed)
        last = query
      }
      return () => (last as { state: unknown }).state !== null
    },
    async ask(text, values = []) {
      const result = await sql.unsafe(text, values as string[], single)
      return { rows: result.slice() as unknown[], command: result.command }
    },
    get closed() {
      return closed
    },
    onClose: (listener) => void (closed ? listener() : listeners.push(listener)),
    end() {
      close()
      if (socket.writable) socket.end(terminateMessage)
      setTimeout(() => socket.destroy(), goodbyeMs).unref()
    },
    destroy() {
      close()
      socket.destroy()
    },
  }
}

/** The extended protocol always: named prepared statements, one command each. */
const single = { prepare: true, simple: false } as { prepare: boolean }
/** Without a synchronisation point of its own (an option of the mended driver). */
const piped = { ...single, piped: true }

/** How long a server may take to hang up after the goodbye. */
const goodbyeMs = 1_000

const driverSettings = {
  max: 1,
  types,
  prepare: true,
  fetch_types: false,
  max_lifetime: null,
  max_pipeline: 100_000,
  no_subscribe: true,
  onnotice: () => undefined,
}

async function connectSocket(socket: net.Socket, host: string, port: number): Promise<net.Socket> {
  socket.setNoDelay(true)
  socket.setKeepAlive(true, 10_000)
  const failed = new AbortController()
  socket.once('error', () => undefined)
  socket.once('close', () => failed.abort())
  socket.connect(port, host)
  await once(socket, 'connect', { signal: failed.signal })
  return Object.assign(socket, { host, port })
}
