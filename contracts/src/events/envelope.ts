import { z } from 'zod'

declare const sealed: unique symbol

/**
 * A value encrypted under a data key: `s1.<key id>.<key version>.<base64url of nonce, ciphertext, tag>`.
 * At run time a string; to the type checker opaque, so that it is neither compared nor logged by mistake.
 */
export type SealedText = { readonly [sealed]: true }

export const sealedText = z
  .string()
  .max(90_000)
  .regex(/^s1\.[0-9a-f-]{36}\.[0-9]{1,6}\.[A-Za-z0-9_-]{38,}$/)
  .meta({
    description: 'A sealed value: s1.<key id>.<key version>.<base64url of nonce, ciphertext, tag>',
  }) as unknown as z.ZodType<SealedText, string>

export const uuid = z.guid()
export const instant = z.iso.datetime({ offset: false })

/** Events stay below this many bytes, envelope included. */
export const eventBytesMax = 262_144

/** CloudEvents 1.0, structured JSON, with the extensions `tenantid` and `causationid`. */
export type Event<Type extends string = string, Data = unknown> = {
  readonly specversion: '1.0'
  /** UUIDv7; also the `Nats-Msg-Id`, and the key of every inbox. */
  readonly id: string
  /** `/services/<service>` */
  readonly source: string
  readonly type: Type
  /** RFC 3339, UTC */
  readonly time: string
  /** Id of the person or thing the event is about. */
  readonly subject: string
  readonly dataschema: string
  readonly datacontenttype: 'application/json'
  readonly tenantid: string
  /** Id of the event, delivery or request that caused this one. */
  readonly causationid: string
  readonly data: Data
}

export function envelope<Type extends string, Data extends z.ZodType>(type: Type, data: Data) {
  return z.object({
    specversion: z.literal('1.0'),
    id: uuid,
    source: z.string().regex(/^\/services\/[a-z0-9]+$/),
    type: z.literal(type),
    time: instant,
    subject: z.string().min(1).max(200),
    dataschema: z.string().max(300),
    datacontenttype: z.literal('application/json'),
    tenantid: uuid,
    causationid: z.string().max(200),
    data,
  })
}

/** What every consumer may rely on before it knows the type: read first, so that unknown versions can be parked. */
export const anyEnvelope = z.object({
  specversion: z.literal('1.0'),
  id: uuid,
  source: z.string(),
  type: z.string().regex(/^[a-z0-9-]+\.[a-z0-9-]+\.[a-z0-9-]+\.v[1-9][0-9]*$|^dead-letter\.[a-z0-9]+\.v[1-9][0-9]*$/),
  time: instant,
  subject: z.string(),
  tenantid: uuid,
  causationid: z.string(),
  data: z.unknown(),
})
