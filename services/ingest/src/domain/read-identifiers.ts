import { reportedEmail, sourceId } from '@csr/contracts/partners/fields'

/** What a body says of who somebody is: an e-mail, the partner's id of the person, or both side by side. */
export type ReadIdentifiers = { readonly email: string | null; readonly externalId: string | null }

/**
 * The identifiers that can be read anywhere in a body nobody could translate: whom its sealed copy must be linked to, so
 * that erasing the person reaches it. An e-mail is any value that is one as a whole, an external id goes by its name.
 */
export function readIdentifiers(body: unknown): ReadIdentifiers[] {
  const people = new Map<string, ReadIdentifiers>()
  const waiting: unknown[] = [[body]]
  while (waiting.length > 0 && people.size < peopleMax) {
    const node = waiting.pop()
    if (typeof node !== 'object' || node === null) continue
    for (const person of peopleIn(node)) people.set(JSON.stringify(person), person)
    for (const member of Object.values(node)) if (typeof member === 'object' && member !== null) waiting.push(member)
  }
  return [...people.values()].slice(0, peopleMax)
}

/** As many as the longest list of attendees. */
const peopleMax = 200
const externalIdNames: ReadonlySet<string> = new Set(['externalId', 'external_id'])

function peopleIn(node: object): ReadIdentifiers[] {
  const emails: string[] = []
  let externalId: string | null = null
  for (const [name, value] of Object.entries(node)) {
    if (typeof value !== 'string') continue
    const email = value.includes('@') ? reportedEmail.safeParse(value) : null
    if (email?.success) emails.push(email.data.normalize('NFC').toLowerCase())
    else if (externalIdNames.has(name) && sourceId.safeParse(value).success) externalId = value
  }
  if (externalId === null) return emails.map((email) => ({ email, externalId }))
  // Beside two addresses it is open whose id it is.
  if (emails.length > 1) return [...emails.map((email) => ({ email, externalId: null })), { email: null, externalId }]
  return [{ email: emails[0] ?? null, externalId }]
}
