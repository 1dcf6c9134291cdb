import type { SealedText } from '@csr/contracts/events/envelope'
import { bigint, jsonb, pgSchema, text, timestamp, uuid } from 'drizzle-orm/pg-core'

// Keys are the column names, so that `$inferSelect` is the row as the driver returns it: times as RFC 3339 text.
// Row-level security adds the tenant to every statement.

const schema = pgSchema('profile')
const sealed = () => text().$type<SealedText>()
const time = () => timestamp({ withTimezone: true, precision: 3, mode: 'string' })

export const profiles = schema.table('profiles', {
  tenant_id: uuid().notNull(),
  subject_id: uuid().notNull(),
  version: bigint({ mode: 'number' }).notNull(),
  name_sealed: sealed(),
  name_reported_at: time(),
  name_reported_by: uuid(),
  email_sealed: sealed(),
  email_reported_at: time(),
  email_reported_by: uuid(),
  phone_sealed: sealed(),
  phone_reported_at: time(),
  phone_reported_by: uuid(),
  programme_activities: jsonb().$type<Record<string, number>>().notNull(),
  created_at: time().notNull(),
  changed_at: time().notNull(),
})

export const activities = schema.table('activities', {
  tenant_id: uuid().notNull(),
  id: uuid().notNull(),
  subject_id: uuid().notNull(),
  kind: text().notNull(),
  partner: text({ enum: ['kintell', 'buddy', 'upskilling'] }).notNull(),
  source_id: text().notNull(),
  role: text().notNull(),
  occurred_at: time().notNull(),
  programme_id: uuid(),
  details: jsonb().$type<Record<string, unknown>>().notNull(),
  reported_at: time().notNull(),
  reported_by: uuid().notNull(),
  recorded_at: time().notNull(),
})

export const programmes = schema.table('programmes', {
  tenant_id: uuid().notNull(),
  id: uuid().notNull(),
  name: text().notNull(),
  created_at: time().notNull(),
})
