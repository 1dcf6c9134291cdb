import type { Service } from '../services.ts'
import { auditOperations } from './audit.ts'
import { gatewayOperations } from './gateway.ts'
import { ingestOperations } from './ingest.ts'
import type { Operation } from './operation.ts'
import { outboxOperations } from './outbox.ts'
import { privacyOperations } from './privacy.ts'
import { profileOperations } from './profile.ts'
import { q2qOperations } from './q2q.ts'
import { safetyOperations } from './safety.ts'

/** Every operation by the service that answers it; documents and README tables are generated from this. */
export const operations: Readonly<Record<Service, readonly Operation[]>> = {
  gateway: [...gatewayOperations, ...outboxOperations('gateway')],
  profile: [...profileOperations, ...outboxOperations('profile')],
  ingest: [...ingestOperations, ...outboxOperations('ingest')],
  q2q: [...q2qOperations, ...outboxOperations('q2q')],
  safety: [...safetyOperations, ...outboxOperations('safety')],
  privacy: [...privacyOperations, ...outboxOperations('privacy')],
  audit: [...auditOperations, ...outboxOperations('audit')],
}

/** True where outsiders reach an operation through the gateway. */
export function isPublished({ callers }: Operation): boolean {
  return callers === undefined || callers.includes('gateway')
}
