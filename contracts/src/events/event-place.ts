/**
 * The address a sealed value inside an event is bound to: `<event type>/<name>` and the event's id. Names of what is
 * sealed about a reported person are those of `reportedPerson` (`email name phone externalId`); a free text is `text`.
 */
export function eventPlace(event: { readonly type: string; readonly id: string }, name: string) {
  return { field: `${event.type}/${name}`, row: event.id }
}
