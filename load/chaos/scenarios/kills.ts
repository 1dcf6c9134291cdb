import { kill, killEverything } from '../faults/kill.ts'
import { members } from '../rig-stack.ts'
import type { Scenario } from '../scenario.ts'

const rounds = 10
const powerFailures = 5

/** Each process 10 times at random moments, everything at once 5 times. */
export const kills: Scenario = {
  name: 'kills',
  description: 'each process killed 10 times at random moments, all at once 5 times',
  perSecond: 25,
  events: 2_000,
  async run(rig) {
    for (let round = 1; round <= rounds; round += 1) {
      rig.note(`round ${round} of ${rounds}`)
      for (const member of rig.random.shuffled(members)) {
        await rig.load.accepts(rig.random.between(1, 30), 120_000)
        await rig.suffer(kill(member))
      }
      if (round % (rounds / powerFailures) === 0) await rig.suffer(killEverything)
    }
  },
}
