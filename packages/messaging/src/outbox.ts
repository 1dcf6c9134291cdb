import { eventBytesMax, type Event } from '@csr/contracts/events/envelope'
import type { Service } from '@csr/contracts/services'
import { laneOf, topicOf, type Lane } from '@csr/contracts/streams'
import { arrayOf, statement, type Statement } from '@csr/postgres/statement'

/**
 * The outbox rows of these events, to be written in the transaction of the change they announce. What stands in `payload`
 * is byte for byte what is sent; a service without a bulk lane has the live one only. Throws RangeError for an event above
 * 256 KB; a dead letter carries such an event whole, and so does its replay.
 */
export function insertEvents(service: Service, events: readonly Event[], lane: Lane = 'live'): Statement {
  const payloads = events.map(encodeEvent)
  const topics = events.map(({ type }) => topicOf(type, lane))
  return statement(insertText(service), [
    arrayOf(events.map(({ tenantid }) => tenantid)),
    arrayOf(events.map(({ id }) => id)),
    arrayOf(topics),
    arrayOf(topics.map(laneOf)),
    arrayOf(payloads),
  ])
}

const texts = new Map<Service, string>()

function insertText(service: Service): string {
  let text = texts.get(service)
  if (text === undefined) {
    text = `insert into ${service}.outbox (tenant_id, id, topic, lane, payload)
      select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[])`
    texts.set(service, text)
  }
  return text
}

/** A character takes three bytes of UTF-8 at most, so short texts need no counting. */
const bytesPerCharacterMax = 3
const carriesWhole = /^(dead-letter|audit\.replay)\./

function encodeEvent(event: Event): string {
  const payload = JSON.stringify(event)
  if (payload.length * bytesPerCharacterMax <= eventBytesMax || carriesWhole.test(event.type)) return payload
  const bytes = Buffer.byteLength(payload)
  if (bytes > eventBytesMax) throw new RangeError(`${event.type} has ${bytes} bytes, ${eventBytesMax} are allowed`)
  return payload
}
