import { openEdge } from './edge.ts'
import { recordingService } from './recording-service.ts'

/*
 * The door of the gateway in a process of its own, as `hardness.test.ts` starts it: limits and connections of production,
 * time-outs that a test can wait for, and one address that stands for all services.
 */
const service = await recordingService()
const edge = await openEdge(service.url, undefined, { headersTimeoutMs: 2_000, requestTimeoutMs: 3_000 })
process.send?.({ port: edge.port, token: await edge.tokenOf('company_admin') })
process.on('message', () => process.send?.({ forwarded: service.requests.length }))
