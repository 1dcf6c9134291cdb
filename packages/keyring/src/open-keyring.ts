import type { Service } from '@csr/contracts/services'
import type { Clock } from '@csr/runtime/clock'
import type { Ids } from '@csr/runtime/ids'
import type { Logger } from '@csr/runtime/logger'
import type { Telemetry } from '@csr/runtime/telemetry'
import { createKeyring, type Keyring } from './keyring.ts'

/** The settings of `settingFields` that a keyring is made of. */
type KeyringSettings = {
  readonly KEYS_DATABASE_URL: string
  readonly ROOT_KEY_FILE: string
  readonly INDEX_KEY_FILE: string
}

type Ports = {
  readonly service: Service
  readonly logger: Logger
  readonly telemetry: Telemetry
  readonly clock: Clock
  readonly ids: Ids
}

/** The keyring of a service from its ports and settings. */
export function openKeyring({ service, logger, telemetry, clock, ids }: Ports, settings: KeyringSettings): Keyring {
  const { KEYS_DATABASE_URL: keysUrl, ROOT_KEY_FILE: rootKeyFile, INDEX_KEY_FILE: indexKeyFile } = settings
  return createKeyring({ service, keysUrl, rootKeyFile, indexKeyFile, logger, telemetry, clock, ids })
}
