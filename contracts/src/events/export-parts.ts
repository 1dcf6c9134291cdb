/*
 * What a service holds about a person travels as JSON in numbered parts, each small enough for one event. The JSON is
 * ASCII only, so that a part may end anywhere.
 */

/** Characters of one part: with envelope and sealing well below the limit of an event. */
const partCharacters = 60_000

/** Names of tables or kinds, each with its rows. */
export type Held = Readonly<Record<string, readonly unknown[]>>

/** JSON in parts, at least one. */
export function splitExport(held: Held): string[] {
  const json = JSON.stringify(held).replace(
    /[\u007F-\uFFFF]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
  const parts: string[] = []
  for (let start = 0; start < json.length; start += partCharacters)
    parts.push(json.slice(start, start + partCharacters))
  return parts
}

/** The parts of one service in their order, together again. Throws where one is missing or changed. */
export function joinExport(parts: readonly string[]): Held {
  return JSON.parse(parts.join('')) as Held
}
