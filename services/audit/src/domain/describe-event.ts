import type { Event } from '@csr/contracts/events/envelope'

/** What the log keeps of an event: who did what to whom, and how it ended. Opaque ids only, so that it outlives erasure. */
export type AuditRecord = {
  readonly id: string
  readonly at: string
  readonly action: string
  readonly actor: { readonly type: 'account' | 'client' | 'service'; readonly id: string }
  readonly target: { readonly type: string; readonly id: string }
  readonly outcome: 'effective' | 'refused' | 'failed'
  readonly requestId: string
}

/** Event names (without version) that tell of a refusal. */
const refusals = new Set(['gateway.access.denied', 'ingest.delivery.refused', 'gateway.login.failed'])

/** The record of one event. Reads ids out of the data, never values. */
export function describeEvent(event: Event): AuditRecord {
  const name = event.type.replace(/\.v\d+$/, '')
  return {
    id: event.id,
    at: event.time,
    action: event.type,
    actor: actorOf(event),
    target: { type: targetTypeOf(name), id: event.subject },
    outcome: hasFailed(name, event) ? 'failed' : refusals.has(name) ? 'refused' : 'effective',
    requestId: event.causationid,
  }
}

/** A message that was given up, and a replay that did not help. */
function hasFailed(name: string, { data }: Event): boolean {
  return name.startsWith('dead-letter.') || (data as { outcome?: unknown } | null)?.outcome === 'failed'
}

function actorOf(event: Event): AuditRecord['actor'] {
  const data = event.data as { actorId?: unknown; client?: unknown } | null
  if (typeof data?.actorId === 'string') return { type: 'account', id: data.actorId }
  if (typeof data?.client === 'string') return { type: 'client', id: data.client }
  return { type: 'service', id: event.source.replace('/services/', '') }
}

/** `profile.activity.recorded` is about an activity, a replay about a dead letter; that is about what was given up. */
function targetTypeOf(name: string): string {
  if (name.startsWith('audit.replay.') || name.endsWith('.replay.settled')) return 'dead-letter'
  const [first, second] = name.split('.')
  return (first === 'dead-letter' ? first : second) ?? 'event'
}
