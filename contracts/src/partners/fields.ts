import { z } from 'zod'

/** Years a report may speak of: what lies outside is a mistake, and some of it is no date to PostgreSQL. */
const yearsKnown = { first: 1900, last: 2199 }

function inKnownYears(text: string): boolean {
  const year = Number(text.slice(0, 4))
  return year >= yearsKnown.first && year <= yearsKnown.last
}

const yearMessage = `Expected a year from ${yearsKnown.first} to ${yearsKnown.last}`

/** RFC 3339 with any offset. */
export const reportedInstant = z.iso.datetime({ offset: true }).max(60).refine(inKnownYears, yearMessage)

/** RFC 3339 with any offset, or a plain day: that day, 00:00 UTC. */
export const reportedTime = z
  .union([z.iso.datetime({ offset: true }).max(60), z.iso.date()], { error: 'Expected an RFC 3339 time or a day' })
  .refine(inKnownYears, yearMessage)

/** Any script before and after the @, no white space, no control character; surrounding white space is dropped. */
export const reportedEmail = z
  .string()
  .trim()
  .max(320)
  .regex(/^[^\s@"<>\p{C}]{1,64}@[^\s@"<>\p{C}.]+(?:\.[^\s@"<>\p{C}.]+)+$/u, 'Invalid email address')

/** An id given by the partner: no surrounding white space, no control character. */
export const sourceId = z
  .string()
  .max(200)
  .regex(
    /^[^\s\p{C}](?:[^\p{C}]*[^\s\p{C}])?$/u,
    'Expected an id without surrounding white space or control characters',
  )

/** A person as Kintell and Buddy name one. */
export const namedPerson = z.object({
  email: reportedEmail,
  name: z.string().max(200).nullish(),
  phone: z.string().max(50).nullish(),
  externalId: z.string().max(200).nullish(),
})

export const programmeName = z.string().trim().min(1).max(200)

/** Every property name a schema knows: names outside it may be personal data and are never repeated in a reason. */
export function propertyNamesOf(schema: z.ZodType): ReadonlySet<string> {
  const names = new Set<string>()
  const collect = (node: unknown): void => {
    if (Array.isArray(node)) return node.forEach(collect)
    if (typeof node !== 'object' || node === null) return
    if ('properties' in node && typeof node.properties === 'object' && node.properties !== null) {
      for (const name of Object.keys(node.properties)) names.add(name)
    }
    Object.values(node).forEach(collect)
  }
  collect(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }))
  return names
}
