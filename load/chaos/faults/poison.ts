import { durables } from '@csr/contracts/consumers'
import type { ExpectedDeadLetter } from '../oracle/effects.ts'
import type { RigStack } from '../rig-stack.ts'
import type { SeededRandom } from '../seeded-random.ts'

/** An event that no consumer can do anything with, and who has to say so. */
type Poison = { readonly payload: string; readonly givenUpBy: readonly string[] }

const topic = 'ingest.session.completed.v1'

/**
 * Puts poison among the events of a company, in the outbox of ingest, as a defect of ingest would: no JSON, the wrong
 * shape, another type than its topic, and ciphertext moved from another event, which its readers refuse with an error.
 * Returns the dead letters that have to come of it.
 */
export async function plantPoison(
  stack: RigStack,
  { tenantId, count, random }: { tenantId: string; count: number; random: SeededRandom },
): Promise<ExpectedDeadLetter[]> {
  return await stack.ask(async (sql) => {
    const [model] = await sql<{ payload: string }[]>`
      select payload from ingest.outbox where topic = ${topic} and tenant_id = ${tenantId}
        and payload like '%"text":{%' order by id limit 1`
    if (!model) throw new Error('there is no event to make poison from')
    const expected: ExpectedDeadLetter[] = []
    for (let number = 0; number < count; number += 1) {
      const id = uuidOfNow(random)
      const { payload, givenUpBy } = kinds[number % kinds.length]?.(model.payload, id) ?? { payload: '', givenUpBy: [] }
      await sql`insert into ingest.outbox (tenant_id, id, topic, lane, payload)
        values (${tenantId}, ${id}, ${topic}, 'live', ${payload})`
      expected.push(...givenUpBy.map((consumer) => ({ consumer, eventId: id })))
    }
    return expected
  })
}

const everyConsumer = durables
  .filter(({ stream, event }) => stream === 'INGEST' && (event === '*' || topic.startsWith(`${event}.`)))
  .map(({ consumer }) => consumer)
/** The audit log reads no field, so what is sealed wrongly does not disturb it. */
const readersOfFields = everyConsumer.filter((consumer) => !consumer.startsWith('audit-'))

type Envelope = { id: string; type: string; data: Record<string, unknown> }

const kinds: readonly ((model: string, id: string) => Poison)[] = [
  (model) => ({ payload: model.slice(0, model.length / 2), givenUpBy: everyConsumer }),
  (model, id) => ({
    payload: changed(model, id, (event) => (event.data = { nothing: 'of the kind' })),
    givenUpBy: readersOfFields,
  }),
  (model, id) => ({
    payload: changed(model, id, (event) => (event.type = 'ingest.course.completed.v1')),
    givenUpBy: everyConsumer,
  }),
  (model, id) => ({ payload: changed(model, id, () => undefined), givenUpBy: readersOfFields }),
]

function changed(model: string, id: string, change: (event: Envelope) => void): string {
  const event = JSON.parse(model) as Envelope
  event.id = id
  change(event)
  return JSON.stringify(event)
}

/** UUIDv7 (RFC 9562): 48 bits of Unix milliseconds, version, variant, the rest chosen. */
function uuidOfNow(random: SeededRandom): string {
  const time = Date.now().toString(16).padStart(12, '0')
  const chosen = Array.from({ length: 18 }, () => random.below(16).toString(16)).join('')
  const hex = `${time}7${chosen.slice(0, 3)}8${chosen.slice(3)}`
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
