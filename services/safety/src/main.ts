import { createLogger } from '@csr/runtime/logger'
import { runUntilSignalled } from '@csr/runtime/lifecycle'
import { createSafetyService } from './service.ts'
import { readSafetySettings } from './settings.ts'

const logger = createLogger({ service: 'safety' })
await runUntilSignalled(async () => createSafetyService(readSafetySettings(process.env)), { logger })
