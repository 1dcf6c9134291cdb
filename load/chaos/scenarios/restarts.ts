import { setTimeout as pauseFor } from 'node:timers/promises'
import { services } from '@csr/contracts/services'
import { countLogLines, sumOfMetric } from '../faults/metrics.ts'
import { kill } from '../faults/kill.ts'
import { terminate } from '../faults/terminate.ts'
import type { Scenario } from '../scenario.ts'

const lastsMs = 20 * 60_000

/** Restarts, and with them changes of the active relay, without any loss: nobody may cry wolf. */
export const restarts: Scenario = {
  name: 'restarts',
  description: '20 minutes of restarts of services and servers, orderly and by kill: no alarm about a lost store',
  perSecond: 20,
  events: 1_000,
  async run(rig) {
    const endsAtMs = performance.now() + lastsMs
    let alarms = 0
    while (performance.now() < endsAtMs) {
      const member = rig.random.pick([...services, ...services, 'keeper', 'nats', 'nats', 'postgres'] as const)
      const before = await sumOfMetric(rig.stack, 'stream_losses_total')
      await rig.suffer(rig.random.chance(0.5) ? terminate(member) : kill(member))
      await pauseFor(rig.random.between(3_000, 12_000))
      alarms += Math.max(0, (await sumOfMetric(rig.stack, 'stream_losses_total')) - before)
    }
    alarms += countLogLines(rig.stack, 'stream-lost-events')
    rig.require('no alarm about a lost store', alarms === 0, `${alarms} alarms`)
  },
}
