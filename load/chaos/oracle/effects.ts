import type { Service } from '@csr/contracts/services'

/** One committed event, in the outbox of the service that caused it. */
export type EventRow = {
  readonly service: Service
  readonly tenantId: string
  readonly id: string
  readonly type: string
  readonly causedBy: string
  readonly unsent: boolean
  /** of the data, what the oracle goes by */
  readonly partner: string | null
  readonly kind: string | null
  readonly thing: string | null
  readonly reportedAt: string | null
  readonly activityId: string | null
}

/** One report of one person's part in a thing; `standing` where it is what the profile shows, else history. */
export type ActivityRow = {
  readonly tenantId: string
  readonly id: string
  readonly partner: string
  readonly kind: string
  readonly thing: string
  readonly role: string
  readonly reportedAt: string
  readonly reportedBy: string
  readonly standing: boolean
}

/** `activityId` is the activity the text came with. */
export type ScreeningRow = { readonly tenantId: string; readonly activityId: string; readonly reportedAt: string }

export type OutcomeRow = {
  readonly tenantId: string
  readonly activityId: string
  readonly id: string
  /** the event that said the text may be read */
  readonly screenedBy: string
  /** the outcome that the profile shows with the activity */
  readonly shownId: string | null
}

export type ParkedRow = { readonly service: Service; readonly consumer: string; readonly eventId: string }

export type DeadLetterRow = ParkedRow & { readonly reason: string }

/** A dead letter that a scenario has asked for. */
export type ExpectedDeadLetter = { readonly consumer: string; readonly eventId: string }

/** Everything the rig's companies caused, as it stands in the database. */
export type Effects = {
  readonly events: readonly EventRow[]
  readonly activities: readonly ActivityRow[]
  readonly screenings: readonly ScreeningRow[]
  readonly outcomes: readonly OutcomeRow[]
  /** ids of the events that the audit log has a record of, as often as it has one */
  readonly records: readonly string[]
  readonly parked: readonly ParkedRow[]
  readonly deadLetters: readonly DeadLetterRow[]
}
