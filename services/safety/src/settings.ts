import { readSettings, settingFields } from '@csr/runtime/settings'
import { z } from 'zod'

export const safetySettings = z.object(settingFields)

export type SafetySettings = z.output<typeof safetySettings>

export function readSafetySettings(environment: Readonly<Record<string, string | undefined>>): SafetySettings {
  return readSettings(safetySettings, environment)
}
