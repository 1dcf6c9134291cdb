import { runUntilSignalled } from '@csr/runtime/lifecycle'
import { createLogger } from '@csr/runtime/logger'
import { createIngestService } from './service.ts'
import { readIngestSettings } from './settings.ts'

const logger = createLogger({ service: 'ingest' })
await runUntilSignalled(async () => createIngestService(readIngestSettings(process.env)), { logger })
