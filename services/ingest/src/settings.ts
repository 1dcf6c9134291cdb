import { readSettings, settingFields } from '@csr/runtime/settings'
import { z } from 'zod'

export const ingestSettings = z.object({
  ...settingFields,
  INGEST_SIGNATURE_TOLERANCE_SECONDS: z.coerce
    .number()
    .int()
    .min(1)
    .max(3_600)
    .default(300)
    .meta({ description: 'how far the time of a signed webhook may be off, in both directions' }),
  INGEST_LIVE_WEBHOOKS_PER_SECOND: z.coerce.number().int().min(1).max(100_000).default(600).meta({
    description:
      'webhooks a second of one tenant on the live lane; a tenant that sends faster for longer than half a second travels on the bulk lane',
  }),
  INGEST_IMPORT_BYTES_MAX: z.coerce
    .number()
    .int()
    .min(1_024)
    .max(512 * 1024 * 1024)
    .default(512 * 1024 * 1024)
    .meta({ description: 'largest CSV file, in bytes' }),
})
export type IngestSettings = z.output<typeof ingestSettings>

export function readIngestSettings(environment: Readonly<Record<string, string | undefined>>): IngestSettings {
  return readSettings(ingestSettings, environment)
}
