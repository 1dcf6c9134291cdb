import { reportedEmail } from '@csr/contracts/partners/fields'

/**
 * The e-mail addresses that stand as whole values anywhere in a body nobody could translate: whom its sealed copy must be
 * linked to, so that erasing the person reaches it.
 */
export function readIdentifiers(body: unknown): string[] {
  const emails = new Set<string>()
  const waiting: unknown[] = [body]
  while (waiting.length > 0 && emails.size < identifiersMax) {
    const node = waiting.pop()
    if (typeof node === 'string') {
      const email = node.includes('@') ? reportedEmail.safeParse(node) : null
      if (email?.success) emails.add(email.data.normalize('NFC').toLowerCase())
    } else if (typeof node === 'object' && node !== null) {
      for (const member of Object.values(node)) waiting.push(member)
    }
  }
  return [...emails]
}

/** As many as the longest list of attendees. */
const identifiersMax = 200
