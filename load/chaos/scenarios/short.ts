import { deleteStore } from '../faults/nats-store.ts'
import { kill, killEverything } from '../faults/kill.ts'
import { members } from '../rig-stack.ts'
import type { Scenario } from '../scenario.ts'

/** What continuous integration runs: every process killed once in a random order, all at once, and the store lost. */
export const short: Scenario = {
  name: 'short',
  description: 'each process killed once, all at once, the NATS store deleted: nothing lost, duplicated or stuck',
  perSecond: 25,
  events: 1_000,
  async run(rig) {
    for (const member of rig.random.shuffled(members)) {
      await rig.load.accepts(rig.random.between(5, 20), 60_000)
      await rig.suffer(kill(member))
    }
    await rig.suffer(killEverything)
    await rig.suffer(deleteStore)
  },
}
