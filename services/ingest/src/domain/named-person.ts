import type { NamedPerson } from './translation.ts'

/** A person as Kintell and Buddy name one. What is empty says nothing. */
export function namedPerson(role: NamedPerson['role'], person: PersonGiven): NamedPerson {
  return {
    role,
    email: person.email ? person.email.normalize('NFC').toLowerCase() : null,
    name: person.name || null,
    phone: person.phone || null,
    externalId: person.externalId || null,
  }
}

type PersonGiven = {
  readonly email?: string | null | undefined
  readonly name?: string | null | undefined
  readonly phone?: string | null | undefined
  readonly externalId?: string | null | undefined
}
