import { moveClock } from '../faults/clock.ts'
import type { Scenario } from '../scenario.ts'

/** Clocks that are wrong, forward and back; ids carry the time, so a later event may have the smaller id. */
export const clock: Scenario = {
  name: 'clock',
  description: 'the clock of all services jumps ahead and back, by minutes and by days',
  perSecond: 20,
  events: 300,
  async run(rig) {
    for (const seconds of [1_800, -1_800, 2 * 86_400, 0]) {
      await rig.load.accepts(60, 60_000)
      await rig.suffer(moveClock(seconds))
    }
  },
}
