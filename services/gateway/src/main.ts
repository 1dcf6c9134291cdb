import { createLogger } from '@csr/runtime/logger'
import { runUntilSignalled } from '@csr/runtime/lifecycle'
import { createGatewayService } from './service.ts'
import { readGatewaySettings } from './settings.ts'

const logger = createLogger({ service: 'gateway' })
await runUntilSignalled(async () => createGatewayService(readGatewaySettings(process.env)), { logger })
