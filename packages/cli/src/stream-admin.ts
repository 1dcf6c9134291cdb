import { connectNats } from '@csr/messaging/connect'
import { createLogger } from '@csr/runtime/logger'
import { Refusal } from '@csr/stack/refusal'
import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream'
import { openStack, type StackOptions } from './result.ts'

export type StreamAdmin = {
  readonly url: string
  readonly credentialsFile: string
  /** null on a server without a monitor port */
  readonly monitorUrl: string | null
}

/** Where streams are administered: NATS_URL with NATS_CREDENTIALS_FILE, else the running stack. */
export function streamAdmin(options: StackOptions): StreamAdmin {
  const { NATS_URL: url, NATS_CREDENTIALS_FILE: credentialsFile, NATS_MONITOR_URL: monitorUrl } = process.env
  if (url && credentialsFile) return { url, credentialsFile, monitorUrl: monitorUrl || null }
  const { nats } = openStack(options)
  // of a cluster every node: one of them may be away
  const everyNode = nats.nodes.map((node) => node.url).join(',')
  return { url: everyNode || nats.url, credentialsFile: nats.adminCredentials, monitorUrl: nats.monitorUrl }
}

type Administration = {
  readonly manager: JetStreamManager
  readonly server: { readonly version: string | undefined; readonly monitorUrl: string | null }
}

/** Does something with the streams' administration and closes the connection. Refused where the server does not answer. */
export async function withStreams<Result>(
  admin: StreamAdmin,
  work: (administration: Administration) => Promise<Result>,
): Promise<Result> {
  const { url, credentialsFile, monitorUrl } = admin
  const logger = createLogger({ service: 'csr', level: 'error', destination: { write: () => {} } })
  await using nats = connectNats({ name: 'admin', url, credentialsFile, logger })
  const connected = Promise.withResolvers<void>()
  nats.onConnected(() => connected.resolve())
  await nats.start?.()
  const late = setTimeout(
    () => connected.reject(new Refusal(`nats-server at ${url} does not answer.`, { exitCode: 3 })),
    connectedWithinMs,
  )
  await connected.promise.finally(() => clearTimeout(late))
  const connection = nats.connection()
  if (connection === null) throw new Refusal(`nats-server at ${url} went away.`, { exitCode: 3 })
  const manager = await jetstreamManager(connection, { checkAPI: false })
  return await work({ manager, server: { version: connection.info?.version, monitorUrl } })
}

const connectedWithinMs = 5_000
