import { runUntilSignalled } from '@csr/runtime/lifecycle'
import { createLogger } from '@csr/runtime/logger'
import { createProfileService } from './service.ts'
import { readProfileSettings } from './settings.ts'

const logger = createLogger({ service: 'profile' })
await runUntilSignalled(async () => createProfileService(readProfileSettings(process.env)), { logger })
