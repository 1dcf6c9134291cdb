import { readSettings, settingFields } from '@csr/runtime/settings'
import { z } from 'zod'

export const profileSettings = z.object(settingFields)
export type ProfileSettings = z.output<typeof profileSettings>

export function readProfileSettings(environment: Readonly<Record<string, string | undefined>>): ProfileSettings {
  return readSettings(profileSettings, environment)
}
