import { killAtRandomMoments, killEverything } from '../faults/kill.ts'
import type { Scenario } from '../scenario.ts'

const rounds = 10
const roundMs = 6_000
const powerFailures = 5

/** Each process 10 times at random moments, also while others are down; everything at once 5 times. */
export const kills: Scenario = {
  name: 'kills',
  description: 'each process killed 10 times at random moments, all at once 5 times',
  perSecond: 25,
  events: 2_000,
  async run(rig) {
    for (let round = 1; round <= rounds; round += 1) {
      await rig.load.accepts(25, 120_000)
      await rig.suffer(killAtRandomMoments(rig.random, roundMs))
      if (round % (rounds / powerFailures) === 0) await rig.suffer(killEverything)
    }
  },
}
