import type { EventName } from '@csr/contracts/events/catalog'
import type { Event } from '@csr/contracts/events/envelope'
import type { NewestOf } from '@csr/contracts/events/upcasters'
import type { Statement } from '@csr/postgres/statement'
import type { Death } from './dead-letters.ts'
import type { Source } from './held.ts'

/** What a handler decided, for the consumer to commit together with the claims of the inbox. */
export type Writes = {
  readonly statements: readonly Statement[]
  /** published through the outbox of the service */
  readonly events: readonly Event[]
  /** events that cannot take effect before something else happened; they are kept and tried again */
  readonly parked?: readonly { readonly eventId: string; readonly waitsFor: string }[]
  /** what others may have been waiting for (their `waitsFor`) and is there with this commit */
  readonly releases?: readonly string[]
}

/**
 * One consumer. `handle` gets up to 100 events of one tenant, decides one at a time, may read for all in one go, and returns
 * what to write. It may be called again for the same events as long as they were not committed.
 */
export type Handler = {
  readonly event: EventName | '*'
  /** groups of one tenant begin at least this far apart, so that what arrives in between shares a transaction */
  readonly paceMs: number
  /** each message is a suspect from the start: it runs alone, after its begin is on record */
  readonly alone?: boolean
  handle(tenantId: string, events: readonly Event[], sources: readonly Source[]): Promise<Writes>
  /** what announces that an event was given up, where that is no dead letter */
  giveUp?(event: Event, death: Death): Event
}

const paceMs = 20
const unhurriedPaceMs = 100

/** A handler of one event in all its versions, read as the newest. */
export function on<Name extends EventName>(
  event: Name,
  handle: (tenantId: string, events: readonly NewestOf<Name>[]) => Promise<Writes>,
): Handler {
  return { event, paceMs, handle: (tenantId, events) => handle(tenantId, events as NewestOf<Name>[]) }
}

/** A handler that answers each event with others and writes nothing else. */
export function answer<Name extends EventName>(
  event: Name,
  give: (tenantId: string, event: NewestOf<Name>) => Promise<readonly Event[]>,
): Handler {
  return on(event, async (tenantId, events) => {
    const answers = await Promise.all(events.map((one) => give(tenantId, one)))
    return { statements: [], events: answers.flat() }
  })
}

/** A handler nobody waits for: fewer and larger groups. What comes after a rest still goes at once. */
export function unhurried(handler: Handler): Handler {
  return { ...handler, paceMs: unhurriedPaceMs }
}

/** A handler of everything that is published; only the envelope is checked. */
export function onAnyEvent(
  handle: (tenantId: string, events: readonly Event[], sources: readonly Source[]) => Promise<Writes>,
): Handler {
  return { event: '*', paceMs: unhurriedPaceMs, handle }
}
