import { down } from '../faults/down.ts'
import { plantPoison } from '../faults/poison.ts'
import type { Fault } from '../fault.ts'
import type { Rig, Scenario } from '../scenario.ts'

const events = 300
/** One message in 50. */
const poisonous = events / 50
const allowedMs = 10_000

/** Events nobody can process, among others: each is a dead letter once, and the others do not notice. */
export const poison: Scenario = {
  name: 'poison',
  description:
    '1 event in 50 is poison: the others are effective in time, each poison once a dead letter, also while NATS and audit are down',
  perSecond: 20,
  events: 0,
  async run(rig) {
    await rig.load.rest()
    await rig.load.burst(events)
    const normalMs = await rig.everythingEffective(120_000)
    await plant(rig)
    await rig.load.burst(events)
    const withPoisonMs = await rig.everythingEffective(120_000)
    const saw = `${(normalMs / 1_000).toFixed(1)} s without, ${(withPoisonMs / 1_000).toFixed(1)} s with poison`
    rig.require(
      'with 1 event in 50 poison the others are effective within 10 s of normal',
      withPoisonMs < normalMs + allowedMs,
      saw,
    )
    await rig.suffer(withPoison(down('nats')), { until: () => rig.load.burst(events) })
    await rig.suffer(withPoison(down('audit')), { until: () => rig.load.burst(events) })
    rig.load.resume()
  },
}

async function plant(rig: Rig): Promise<void> {
  const { random } = rig
  const tenantId = rig.tenantIds[0] ?? ''
  rig.expectDeadLetters(await plantPoison(rig.stack, { tenantId, count: poisonous, random }))
}

function withPoison(fault: Fault): Fault {
  return {
    ...fault,
    name: `${fault.name}, with poison`,
    async inject(rig) {
      const heal = await fault.inject(rig)
      await plant(rig)
      return heal
    },
  }
}
