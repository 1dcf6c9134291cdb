import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { catalog, type EventType } from '@csr/contracts/events/catalog'
import { envelope } from '@csr/contracts/events/envelope'
import { z } from 'zod'
import { jsonFile, type Generated } from './generated-file.ts'

type Json = Readonly<Record<string, unknown>>

const folder = 'contracts/golden'

/**
 * One whole event of each type and version. What is there stays as it is, for ever: it is what was sent once and must go on
 * being read. A type that has none gets one, with every field.
 */
export function generateGoldenEvents(root: string): Generated[] {
  const missing = (Object.keys(catalog) as EventType[]).filter((type) => !existsSync(`${root}/${pathOf(type)}`))
  return [...goldenFiles(root), ...missing.map((type) => jsonFile(pathOf(type), makeGolden(type)))]
}

const pathOf = (type: string): string => `${folder}/${type}.json`

function goldenFiles(root: string): Generated[] {
  if (!existsSync(`${root}/${folder}`)) return []
  return readdirSync(`${root}/${folder}`)
    .toSorted()
    .map((name) => ({ path: `${folder}/${name}`, text: readFileSync(`${root}/${folder}/${name}`, 'utf8') }))
}

/** An event with every field of its schema; throws where the schema needs one made by hand. */
function makeGolden(type: EventType): unknown {
  const schema = envelope(type, catalog[type] as z.ZodType)
  const event = {
    ...(sampleOf(z.toJSONSchema(schema, { io: 'input' }) as Json, 'event') as Json),
    dataschema: `/events/${type}.schema.json`,
    source: `/services/${type.split('.').at(type.startsWith('dead-letter.') ? 1 : 0)}`,
  }
  const result = schema.safeParse(event)
  if (result.success) return event
  throw new Error(`write ${pathOf(type)} by hand: ${z.prettifyError(result.error)}`)
}

const id = '01940000-0000-7000-8000-0000000000f1'
const sealed = `s1.${id}.1.${'A'.repeat(80)}`

/** The simplest value that fits. */
function sampleOf(schema: Json, name: string): unknown {
  if ('const' in schema) return schema['const']
  if (Array.isArray(schema['enum'])) return schema['enum'][0] as unknown
  const choices = (schema['anyOf'] ?? schema['oneOf']) as readonly Json[] | undefined
  if (choices) return sampleOf(choices[0] ?? {}, name)
  if (schema['type'] === 'object') {
    const members = Object.entries((schema['properties'] ?? {}) as Readonly<Record<string, Json>>)
    return Object.fromEntries(members.map(([key, member]) => [key, sampleOf(member, key)]))
  }
  if (schema['type'] === 'array') return [sampleOf((schema['items'] ?? {}) as Json, name)]
  if (schema['type'] === 'string') return sampleText(schema, name)
  if (schema['type'] === 'boolean') return true
  if (schema['type'] === 'null') return null
  return Number(schema['minimum'] ?? 1)
}

function sampleText({ format, pattern, maxLength }: Json, name: string): string {
  if (format === 'uuid') return id
  if (format === 'date-time') return '2026-11-20T10:00:00.000Z'
  if (typeof pattern === 'string' && pattern.startsWith('^s1')) return sealed
  return `synthetic-${name}`.slice(0, Number(maxLength ?? 200))
}
