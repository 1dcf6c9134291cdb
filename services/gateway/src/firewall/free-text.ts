import type { z } from 'zod'

/**
 * Where free text may stand in a value. `bound`: the schema leaves no room for it (a format, a closed list, a number), so
 * that the service refuses whatever else is there. What no schema describes is free.
 */
export type FreeText = 'free' | 'bound' | Members | Items

type Members = { readonly members: ReadonlyMap<string, FreeText> }
type Items = { readonly items: FreeText }

/** The parts of a definition that are read here (zod 4 keeps them under `_zod.def`). */
type Definition = {
  readonly type: string
  readonly format?: string
  readonly pattern?: RegExp
  readonly checks?: readonly { readonly _zod: { readonly def: Definition } }[]
  readonly shape?: Readonly<Record<string, z.core.$ZodType>>
  readonly element?: z.core.$ZodType
  readonly options?: readonly z.core.$ZodType[]
  readonly items?: readonly z.core.$ZodType[]
  readonly innerType?: z.core.$ZodType
  readonly in?: z.core.$ZodType
  readonly left?: z.core.$ZodType
  readonly right?: z.core.$ZodType
}

const boundTypes: ReadonlySet<string> = new Set([
  'number',
  'bigint',
  'boolean',
  'date',
  'enum',
  'literal',
  'null',
  'undefined',
  'void',
  'nan',
  'never',
])
const wrappers: ReadonlySet<string> = new Set([
  'optional',
  'nullable',
  'default',
  'prefault',
  'nonoptional',
  'readonly',
  'catch',
  'success',
])

/** Reads from a schema where free text may stand. What it does not know it takes for free. */
export function freeTextOf(schema: z.core.$ZodType | undefined): FreeText {
  if (schema === undefined) return 'free'
  const definition = schema._zod.def as unknown as Definition
  const { type } = definition
  if (type === 'string') return isFormatted(definition) ? 'bound' : 'free'
  if (boundTypes.has(type)) return 'bound'
  if (wrappers.has(type)) return freeTextOf(definition.innerType)
  if (type === 'pipe') return freeTextOf(definition.in)
  if (type === 'array') return { items: freeTextOf(definition.element) }
  if (type === 'tuple') return { items: mergeAll((definition.items ?? []).map(freeTextOf)) }
  if (type === 'union') return mergeAll((definition.options ?? []).map(freeTextOf))
  if (type === 'intersection') return merge(freeTextOf(definition.left), freeTextOf(definition.right))
  if (type !== 'object') return 'free'
  const shape = Object.entries(definition.shape ?? {})
  return { members: new Map(shape.map(([name, member]) => [name, freeTextOf(member)])) }
}

/** An address may hold anything behind its host; a pattern is a format where it speaks of the whole text. */
function isFormatted(definition: Definition): boolean {
  const checks = [definition, ...(definition.checks ?? []).map(({ _zod }) => _zod.def)]
  return checks.some(({ format, pattern }) => {
    if (format === 'regex') return pattern?.source.startsWith('^') === true && pattern.source.endsWith('$')
    return format !== undefined && !looseFormats.has(format)
  })
}

const looseFormats: ReadonlySet<string> = new Set([
  'url',
  'lowercase',
  'uppercase',
  'includes',
  'starts_with',
  'ends_with',
])

function mergeAll(all: readonly FreeText[]): FreeText {
  return all.length === 0 ? 'free' : all.reduce(merge)
}

function merge(one: FreeText, other: FreeText): FreeText {
  if (one === 'bound') return other
  if (other === 'bound') return one
  if (one === 'free' || other === 'free') return 'free'
  if ('items' in one) return 'items' in other ? { items: merge(one.items, other.items) } : 'free'
  if ('items' in other) return 'free'
  const members = new Map(one.members)
  for (const [name, member] of other.members) members.set(name, merge(members.get(name) ?? 'bound', member))
  return { members }
}

/** Told of every text in a value: the field by its place in the schema, never a name that the sender chose. */
export type Visit = (field: string, text: string, isFree: boolean) => void

/** Where names and values stand that no schema describes. */
const undescribed = '?'

/** Visits every text of a value, names that no schema describes included. */
export function visitTexts(value: unknown, place: FreeText, field: string, visit: Visit): void {
  if (typeof value === 'string') return visit(field, value, place !== 'bound')
  if (typeof value !== 'object' || value === null || place === 'bound') return
  if (Array.isArray(value)) {
    const items = typeof place === 'object' && 'items' in place ? place.items : 'free'
    for (const item of value) visitTexts(item, items, `${field}/*`, visit)
    return
  }
  const members = typeof place === 'object' && 'members' in place ? place.members : null
  for (const name of Object.keys(value)) {
    const member = (value as Readonly<Record<string, unknown>>)[name]
    const described = members?.get(name)
    if (described !== undefined) visitTexts(member, described, `${field}/${name}`, visit)
    else {
      visit(`${field}/${undescribed}`, name, true)
      visitTexts(member, 'free', `${field}/${undescribed}`, visit)
    }
  }
}
