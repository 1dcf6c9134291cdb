import type { Service } from '../services.ts'
import { auditOperations } from './audit.ts'
import { gatewayOperations } from './gateway.ts'
import { ingestOperations } from './ingest.ts'
import type { Operation } from './operation.ts'
import { privacyOperations } from './privacy.ts'
import { profileOperations } from './profile.ts'
import { q2qOperations } from './q2q.ts'
import { safetyOperations } from './safety.ts'

/** Every operation by the service that answers it; documents and README tables are generated from this. */
export const operations: Readonly<Record<Service, readonly Operation[]>> = {
  gateway: gatewayOperations,
  profile: profileOperations,
  ingest: ingestOperations,
  q2q: q2qOperations,
  safety: safetyOperations,
  privacy: privacyOperations,
  audit: auditOperations,
}

/** True where outsiders reach an operation through the gateway. */
export function isPublished({ callers }: Operation): boolean {
  return callers === undefined || callers.includes('gateway')
}
