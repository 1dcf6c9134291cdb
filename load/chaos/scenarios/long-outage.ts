import type { StackMember } from '@csr/testkit/stack'
import type { Fault } from '../fault.ts'
import { down } from '../faults/down.ts'
import type { Rig, Scenario } from '../scenario.ts'

const outageMs = 30_000
const skippedSeconds = 1_800
/** A backlog of the size that comes together here is worked off faster than this, in events per second. */
const worksOffPerSecond = 50

/**
 * Half an hour without a dependency, most of it skipped: when it is back, the clock of every service has moved on by
 * thirty minutes. No outage of any length is a reason to give up on a message.
 */
export const longOutage: Scenario = {
  name: 'long-outage',
  description:
    'half an hour (by the clock) without NATS, PostgreSQL, privacy, safety: no dead letter, the backlog soon effective',
  perSecond: 25,
  events: 500,
  async run(rig) {
    for (const member of ['nats', 'postgres', 'privacy', 'safety'] as const) {
      await rig.load.accepts(50, 60_000)
      const before = rig.load.accepted
      await rig.suffer(halfAnHourWithout(member), { forMs: outageMs })
      const backlog = rig.load.accepted - before
      await rig.load.rest()
      const startedMs = performance.now()
      const allowedMs = 30_000 + (backlog / worksOffPerSecond) * 1_000
      const settled = await rig.settled(allowedMs)
      const saw = `${backlog} accepted meanwhile, ${((performance.now() - startedMs) / 1_000).toFixed(1)} s`
      rig.require(`${member}: the backlog is effective within 30 s and a second per ${worksOffPerSecond}`, settled, saw)
      rig.load.resume()
    }
  },
}

function halfAnHourWithout(member: StackMember): Fault {
  return {
    name: `${member} down for half an hour`,
    async inject(rig: Rig) {
      const { stack } = rig
      await down(member).inject(rig)
      return async () => {
        const seconds = stack.clockOffsetSeconds + skippedSeconds
        stack.signal('supervisor', 'SIGCONT')
        await stack.restart({ env: { CSR_CLOCK_OFFSET_SECONDS: String(seconds) } })
      }
    },
  }
}
