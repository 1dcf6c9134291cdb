import { readSettings, settingFields } from '@csr/runtime/settings'
import { z } from 'zod'

/** Audit holds no keys: events stay sealed as they came. */
const { KEYS_DATABASE_URL: _keys, ROOT_KEY_FILE: _root, INDEX_KEY_FILE: _index, ...fields } = settingFields

export const auditSettings = z.object(fields)

export type AuditSettings = z.output<typeof auditSettings>

export function readAuditSettings(environment: Readonly<Record<string, string | undefined>>): AuditSettings {
  return readSettings(auditSettings, environment)
}
