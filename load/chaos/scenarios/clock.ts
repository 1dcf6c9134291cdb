import { moveClock } from '../faults/clock.ts'
import type { Scenario } from '../scenario.ts'

/** Seconds ahead of the machine; behind the birth of the signing keys is for `signing-keys.db.test.ts` of the gateway. */
const jumps = [1_800, 0, 900, 2 * 86_400]

/** Clocks that are wrong, forward and back; ids carry the time, so a later event may have the smaller id. */
export const clock: Scenario = {
  name: 'clock',
  description: 'the clock of all services jumps ahead and back by half an hour, and ahead by days',
  perSecond: 20,
  events: 300,
  async run(rig) {
    for (const seconds of jumps) {
      await rig.load.accepts(60, 60_000)
      await rig.suffer(moveClock(seconds))
    }
  },
}
