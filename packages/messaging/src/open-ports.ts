import type { Service } from '@csr/contracts/services'
import { createPostgres, type Postgres } from '@csr/postgres/connect'
import { systemClock, type Clock } from '@csr/runtime/clock'
import { createIds, type Ids } from '@csr/runtime/ids'
import { createLogger, type Logger } from '@csr/runtime/logger'
import { createTelemetry, type Telemetry } from '@csr/runtime/telemetry'
import { connectNats, type Nats } from './connect.ts'
import { relayOutbox, type Relay } from './relay.ts'

/** The settings of `settingFields` that these ports are made of. */
type PortSettings = {
  readonly CSR_MODE: 'development' | 'production'
  readonly CSR_CLOCK_OFFSET_SECONDS: number
  readonly LOG_LEVEL: string
  readonly DATABASE_URL: string
  readonly WORKER_DATABASE_URL: string
  readonly NATS_URL: string
  readonly NATS_CREDENTIALS_FILE: string
}

/** What every service with tables and a bus stands on. */
export type Ports = {
  readonly service: Service
  readonly logger: Logger
  readonly telemetry: Telemetry
  readonly clock: Clock
  readonly ids: Ids
  /** id and time of a new event */
  readonly stamp: () => { readonly id: string; readonly time: string }
  readonly postgres: Postgres
  readonly nats: Nats
  readonly relay: Relay
}

/** Creates the ports of a service; nothing is connected before they are started, in the order postgres, nats, relay. */
export function openPorts(service: Service, settings: PortSettings): Ports {
  const logger = createLogger({ service, level: settings.LOG_LEVEL })
  const telemetry = createTelemetry(service)
  const clock = systemClock(settings.CSR_MODE === 'development' ? settings.CSR_CLOCK_OFFSET_SECONDS : 0)
  const ids = createIds(clock)
  const { DATABASE_URL: url, WORKER_DATABASE_URL: workerUrl } = settings
  const postgres = createPostgres({ name: service, url, workerUrl, logger, telemetry })
  const nats = connectNats({
    ...{ name: service, url: settings.NATS_URL, logger },
    credentialsFile: settings.NATS_CREDENTIALS_FILE,
  })
  const relay = relayOutbox({ service, postgres, nats, logger, telemetry, clock })
  const stamp = () => ({ id: ids.uuid(), time: clock.now() })
  return { service, logger, telemetry, clock, ids, stamp, postgres, nats, relay }
}
