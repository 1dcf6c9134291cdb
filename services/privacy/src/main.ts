import { createLogger } from '@csr/runtime/logger'
import { runUntilSignalled } from '@csr/runtime/lifecycle'
import { createPrivacyService } from './service.ts'
import { readPrivacySettings } from './settings.ts'

const logger = createLogger({ service: 'privacy' })
await runUntilSignalled(async () => createPrivacyService(readPrivacySettings(process.env)), { logger })
