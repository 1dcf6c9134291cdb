import { catalog, ownerOf, type EventType } from '@csr/contracts/events/catalog'
import { envelope } from '@csr/contracts/events/envelope'
import { streams } from '@csr/contracts/streams'
import { z } from 'zod'
import { jsonFile, type Generated } from './generated-file.ts'

const types = Object.keys(catalog) as EventType[]

/** One JSON Schema per event type, envelope included. */
export function generateEventSchemas(): Generated[] {
  return types.map((type) =>
    jsonFile(`contracts/generated/events/${type}.schema.json`, {
      $id: `/events/${type}.schema.json`,
      title: type,
      ...schemaOf(type),
    }),
  )
}

/** AsyncAPI 3: a channel per event type, sent by its owner. */
export function generateAsyncApi(): Generated {
  const channels: Record<string, unknown> = {}
  const operations: Record<string, unknown> = {}
  const messages: Record<string, unknown> = {}
  for (const type of types) {
    const key = type.replaceAll('.', '_')
    const owner = ownerOf(type)
    channels[key] = { address: type, messages: { [key]: { $ref: `#/components/messages/${key}` } } }
    operations[`${owner}_sends_${key}`] = { action: 'send', channel: { $ref: `#/channels/${key}` } }
    messages[key] = { name: type, contentType: 'application/cloudevents+json', payload: schemaOf(type) }
  }
  return jsonFile('contracts/generated/asyncapi.json', {
    asyncapi: '3.0.0',
    info: {
      title: 'CSR Backbone events',
      version: '1.0.0',
      description: `Streams: ${streams.map(({ name, subjects }) => `${name} (${subjects.join(', ')})`).join(', ')}`,
    },
    defaultContentType: 'application/cloudevents+json',
    channels,
    operations,
    components: { messages },
  })
}

/** JSON Schema of a whole event as its readers take it: fields it does not name are let through. */
function schemaOf(type: EventType): Record<string, unknown> {
  const { $schema: _, ...schema } = z.toJSONSchema(envelope(type, catalog[type] as z.ZodType), { io: 'input' })
  return schema
}
