import { readSettings, settingFields } from '@csr/runtime/settings'
import { z } from 'zod'

const {
  CSR_MODE,
  CSR_CLOCK_OFFSET_SECONDS,
  LOG_LEVEL,
  HOST,
  PORT,
  DATABASE_URL,
  WORKER_DATABASE_URL,
  NATS_URL,
  NATS_CREDENTIALS_FILE,
  SERVICE_KEY_FILE,
  PUBLIC_KEYS_DIR,
  REDELIVERY_DELAYS_MS,
} = settingFields

export const auditSettings = z.object({
  CSR_MODE,
  CSR_CLOCK_OFFSET_SECONDS,
  LOG_LEVEL,
  HOST,
  PORT,
  DATABASE_URL,
  WORKER_DATABASE_URL,
  NATS_URL,
  NATS_CREDENTIALS_FILE,
  SERVICE_KEY_FILE,
  PUBLIC_KEYS_DIR,
  REDELIVERY_DELAYS_MS,
})

export type AuditSettings = z.output<typeof auditSettings>

export function readAuditSettings(environment: Readonly<Record<string, string | undefined>>): AuditSettings {
  return readSettings(auditSettings, environment)
}
