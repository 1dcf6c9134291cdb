import type { DeadLetter } from '@csr/contracts/events/dead-letter'
import type { Event } from '@csr/contracts/events/envelope'
import { onAnyEvent, type Handler } from '@csr/messaging/consume'
import { canonicalLeaf } from '../domain/canonical-leaf.ts'
import { describeEvent } from '../domain/describe-event.ts'
import type { DeadLetterStore } from '../store/dead-letter-store.ts'
import type { LogStore } from '../store/log-store.ts'
import type { AuditTelemetry } from '../telemetry.ts'

type Deps = {
  readonly log: Pick<LogStore, 'append'>
  readonly deadLetters: Pick<DeadLetterStore, 'keep'>
  readonly telemetry: AuditTelemetry
}

/** Every event of every service becomes one record; a dead letter is kept as an entry as well. */
export function onEveryEvent({ log, deadLetters, telemetry }: Deps): Handler {
  return onAnyEvent(async (_tenantId, events) => {
    const leaves = events.map((event) => ({ id: event.id, leaf: canonicalLeaf(describeEvent(event)) }))
    const letters = events.filter(isDeadLetter)
    telemetry.appended(leaves.length)
    return {
      statements: [log.append(leaves), ...(letters.length > 0 ? [deadLetters.keep(letters)] : [])],
      events: [],
    }
  })
}

function isDeadLetter(event: Event): event is Event<string, DeadLetter> {
  return event.type.startsWith('dead-letter.')
}
