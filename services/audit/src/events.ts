import type { Replay } from '@csr/contracts/events/audit'
import type { EventOf } from '@csr/contracts/events/catalog'
import { createEvent } from '@csr/contracts/events/create-event'
import { platformTenantId, type Service } from '@csr/contracts/services'

/** Who did something, by which request, and the id and time it is recorded under. */
export type Deed = {
  readonly id: string
  readonly time: string
  readonly actorId: string
  readonly requestId: string
}

export function replayRequested(service: Service, tenantId: string, deed: Deed, data: Omit<Replay, 'actorId'>) {
  const about = { ...stampOf(deed), tenantId, subject: data.deadLetterId }
  return createEvent(`audit.replay.${service}.v1`, about, { ...data, actorId: deed.actorId })
}

export function deadLetterDiscarded(
  entry: { readonly id: string; readonly tenantId: string; readonly service: Service; readonly consumer: string },
  deed: Deed,
  reason: string,
): EventOf<'audit.dead-letter.discarded.v1'> {
  const about = { ...stampOf(deed), tenantId: entry.tenantId, subject: entry.id }
  const { service, consumer } = entry
  return createEvent('audit.dead-letter.discarded.v1', about, { service, consumer, reason, actorId: deed.actorId })
}

/** A dead letter whose message is sealed under a key of its own. */
export type SealedEntry = { readonly id: string; readonly service: Service }

export function deadLetterForgotten(
  { id, service }: SealedEntry,
  tenantId: string,
  stamp: Pick<Deed, 'id' | 'time'>,
): EventOf<'audit.dead-letter.forgotten.v1'> {
  const about = { id: stamp.id, time: stamp.time, tenantId, subject: id, causationId: id }
  return createEvent('audit.dead-letter.forgotten.v1', about, { service })
}

/** What concerns no tenant in particular belongs to the platform's. */
export function bulkReplayRequested(bulkId: string, deed: Deed): EventOf<'audit.bulk-replay.requested.v1'> {
  const about = { ...stampOf(deed), tenantId: platformTenantId, subject: bulkId }
  return createEvent('audit.bulk-replay.requested.v1', about, { actorId: deed.actorId })
}

export function bulkReplayEnded(
  bulkId: string,
  stamp: Pick<Deed, 'id' | 'time'>,
  data: EventOf<'audit.bulk-replay.ended.v1'>['data'],
): EventOf<'audit.bulk-replay.ended.v1'> {
  const about = { id: stamp.id, time: stamp.time, tenantId: platformTenantId, subject: bulkId, causationId: bulkId }
  return createEvent('audit.bulk-replay.ended.v1', about, data)
}

const stampOf = ({ id, time, requestId }: Deed) => ({ id, time, causationId: requestId })
