import { readSettings, replicaAddresses, settingFields } from '@csr/runtime/settings'
import { z } from 'zod'

export const q2qSettings = z.object({
  ...settingFields,
  PRIVACY_URL: replicaAddresses('the privacy service, asked before each scoring'),
  SAFETY_URL: replicaAddresses('the safety service, asked before a text is scored on demand'),
})

export type Q2qSettings = z.output<typeof q2qSettings>

export function readQ2qSettings(environment: Readonly<Record<string, string | undefined>>): Q2qSettings {
  return readSettings(q2qSettings, environment)
}
