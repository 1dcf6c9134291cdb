import type { Service } from '../services.ts'
import { auditOperations } from './audit.ts'
import { gatewayOperations } from './gateway.ts'
import { ingestOperations } from './ingest.ts'
import type { Operation } from './operation.ts'
import { outboxOperations } from './outbox.ts'
import { parkedEventOperations } from './parked-events.ts'
import { privacyOperations } from './privacy.ts'
import { profileOperations } from './profile.ts'
import { q2qOperations } from './q2q.ts'
import { safetyOperations } from './safety.ts'

/** What every service answers to whoever operates the platform. */
const operatorsOf = (service: Service) => [...outboxOperations(service), ...parkedEventOperations(service)]

/** Every operation by the service that answers it; documents and README tables are generated from this. */
export const operations: Readonly<Record<Service, readonly Operation[]>> = {
  gateway: [...gatewayOperations, ...operatorsOf('gateway')],
  profile: [...profileOperations, ...operatorsOf('profile')],
  ingest: [...ingestOperations, ...operatorsOf('ingest')],
  q2q: [...q2qOperations, ...operatorsOf('q2q')],
  safety: [...safetyOperations, ...operatorsOf('safety')],
  privacy: [...privacyOperations, ...operatorsOf('privacy')],
  audit: [...auditOperations, ...operatorsOf('audit')],
}

/** True where outsiders reach an operation through the gateway. */
export function isPublished({ callers }: Operation): boolean {
  return callers === undefined || callers.includes('gateway')
}
