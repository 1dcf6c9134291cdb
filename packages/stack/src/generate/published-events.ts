import { existsSync, readFileSync } from 'node:fs'
import type { Generated } from './generated-file.ts'

type Json = Readonly<Record<string, unknown>>

const folder = 'contracts/generated/events/'

/**
 * What is committed under `contracts/generated/events` is published: it says what others may rely on. Returns the files as
 * they may be written, a published schema in the place of one that breaks its promise, and what each of those breaks.
 */
export function keepPublished(root: string, files: readonly Generated[]): { files: Generated[]; broken: string[] } {
  const broken: string[] = []
  const kept = files.map((file) => {
    if (!file.path.startsWith(folder) || !existsSync(`${root}/${file.path}`)) return file
    const published = readFileSync(`${root}/${file.path}`, 'utf8')
    const breaks = breaksOf(JSON.parse(published) as Json, JSON.parse(file.text) as Json)
    const type = file.path.slice(folder.length).replace('.schema.json', '')
    broken.push(...breaks.map((what) => `${type}: ${what}; a new shape is a new version beside it`))
    return breaks.length === 0 ? file : { ...file, text: published }
  })
  return { files: kept, broken }
}

/** What only explains. */
const silent: ReadonlySet<string> = new Set(['title', 'description'])
/** What is compared member by member. */
const nested: ReadonlySet<string> = new Set(['properties', 'required'])

/**
 * The one change a published shape may see is a new field that may be left out: every reader ignores what it does not
 * know, and old events go on being read. Anything else, a wider type or one more word of an enum included, makes events
 * that somebody cannot read.
 */
export function breaksOf(published: Json, now: Json, path = ''): string[] {
  const at = path === '' ? 'the event' : path
  const breaks = keysOf(published, now)
    .filter((key) => !silent.has(key) && !nested.has(key))
    .flatMap((key) => differences(published[key], now[key], { at, key, path }))
  const [before, after] = [membersOf(published), membersOf(now)]
  for (const name of keysOf(before, after)) {
    const place = path === '' ? name : `${path}.${name}`
    const [was, is] = [before[name], after[name]]
    if (!is) breaks.push(`${place} was removed`)
    else if (!was && requires(now, name)) breaks.push(`${place} was added and must be there`)
    else if (was && requires(published, name) !== requires(now, name))
      breaks.push(`${place} was made optional or required`)
    else if (was) breaks.push(...breaksOf(was, is, place))
  }
  return breaks
}

function differences(
  was: unknown,
  is: unknown,
  { at, key, path }: { at: string; key: string; path: string },
): string[] {
  if (isSchema(was) && isSchema(is)) return breaksOf(was, is, key === 'items' ? `${path}[]` : path)
  if (Array.isArray(was) && Array.isArray(is) && was.length === is.length && was.every(isSchema) && is.every(isSchema))
    return was.flatMap((part, index) => breaksOf(part, is[index] as Json, path))
  return JSON.stringify(was) === JSON.stringify(is) ? [] : [`${key} of ${at} was changed`]
}

function keysOf(...objects: readonly Json[]): string[] {
  return [...new Set(objects.flatMap((object) => Object.keys(object)))]
}

function membersOf(schema: Json): Readonly<Record<string, Json>> {
  return (schema['properties'] ?? {}) as Readonly<Record<string, Json>>
}

function requires(schema: Json, name: string): boolean {
  return ((schema['required'] ?? []) as readonly string[]).includes(name)
}

function isSchema(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
