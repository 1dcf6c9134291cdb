import { readSettings, settingFields } from '@csr/runtime/settings'
import { z } from 'zod'

export const privacySettings = z.object(settingFields)

export type PrivacySettings = z.output<typeof privacySettings>

export function readPrivacySettings(environment: Readonly<Record<string, string | undefined>>): PrivacySettings {
  return readSettings(privacySettings, environment)
}
