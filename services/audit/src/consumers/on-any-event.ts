import type { ReplaySettled } from '@csr/contracts/events/audit'
import type { DeadLetter } from '@csr/contracts/events/dead-letter'
import type { Event } from '@csr/contracts/events/envelope'
import { onAnyEvent, type Handler } from '@csr/messaging/consume'
import { canonicalLeaf } from '../domain/canonical-leaf.ts'
import { describeEvent } from '../domain/describe-event.ts'
import type { DeadLetterStore } from '../store/dead-letter-store.ts'
import type { LogStore } from '../store/log-store.ts'
import type { ReplayStore } from '../store/replay-store.ts'
import type { AuditTelemetry } from '../telemetry.ts'

type Deps = {
  readonly log: Pick<LogStore, 'append'>
  readonly deadLetters: Pick<DeadLetterStore, 'keep'>
  readonly replays: Pick<ReplayStore, 'settle' | 'forget'>
  readonly telemetry: AuditTelemetry
}

/**
 * Every event of every service becomes one record; a dead letter is kept as an entry as well, and the answer to a replay
 * says what became of its entry.
 */
export function onEveryEvent({ log, deadLetters, replays, telemetry }: Deps): Handler {
  return onAnyEvent(async (tenantId, events) => {
    const leaves = events.map((event) => ({ id: event.id, leaf: canonicalLeaf(describeEvent(event)) }))
    const letters = events.filter(isDeadLetter)
    const answers = events.filter(isReplaySettled)
    telemetry.appended(leaves.length)
    telemetry.kept(letters.length)
    for (const { data } of answers) telemetry.replayed(data.outcome)
    return {
      statements: [
        log.append(leaves),
        ...(letters.length > 0 ? [deadLetters.keep(letters)] : []),
        ...(answers.length > 0 ? [replays.settle(answers)] : []),
      ],
      events: await replays.forget(tenantId, answers),
    }
  })
}

function isDeadLetter(event: Event): event is Event<string, DeadLetter> {
  return event.type.startsWith('dead-letter.')
}

function isReplaySettled(event: Event): event is Event<string, ReplaySettled> {
  return event.type.endsWith('.replay.settled.v1')
}
