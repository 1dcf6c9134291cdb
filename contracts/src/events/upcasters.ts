import type { DataOf, EventName, EventType } from './catalog.ts'
import type { Event } from './envelope.ts'

/** Reads the data of one version as that of the next: pure, and total over what the schema of its version lets through. */
export type Upcaster = { readonly to: EventType; readonly read: (data: never) => unknown }

/**
 * One for every version but the newest of its event, by the type it reads; each stands beside the schemas in the file of
 * the event's owner. Version 2 reads version 1, version 3 reads version 2: old events take all steps.
 */
export const upcasters = {} satisfies Readonly<Partial<Record<EventType, Upcaster>>>

type VersionsOf<Name extends EventName> = Extract<EventType, `${Name}.v${number}`>

/** An event as a handler sees it: published in any version, its data in the newest shape. */
export type NewestOf<Name extends EventName> = Event<
  VersionsOf<Name>,
  DataOf<Exclude<VersionsOf<Name>, keyof typeof upcasters>>
>

/** The event with its data in the newest shape. It keeps id and type, for what is sealed in it is bound to both. */
export function upcast(event: Event): Event {
  const known: Readonly<Record<string, Upcaster>> = upcasters
  let data = event.data
  for (let step = known[event.type]; step; step = known[step.to]) data = step.read(data as never)
  return data === event.data ? event : { ...event, data }
}
