import { createLogger } from '@csr/runtime/logger'
import { runUntilSignalled } from '@csr/runtime/lifecycle'
import { createQ2qService } from './service.ts'
import { readQ2qSettings } from './settings.ts'

const logger = createLogger({ service: 'q2q' })
await runUntilSignalled(async () => createQ2qService(readQ2qSettings(process.env)), { logger })
