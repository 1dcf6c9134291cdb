import { createLogger } from '@csr/runtime/logger'
import { runUntilSignalled } from '@csr/runtime/lifecycle'
import { createAuditService } from './service.ts'
import { readAuditSettings } from './settings.ts'

const logger = createLogger({ service: 'audit' })
await runUntilSignalled(async () => createAuditService(readAuditSettings(process.env)), { logger })
