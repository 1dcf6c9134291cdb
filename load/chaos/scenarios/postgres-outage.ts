import type { Fault } from '../fault.ts'
import { down } from '../faults/down.ts'
import { kill } from '../faults/kill.ts'
import { pause } from '../faults/pause.ts'
import { terminateSessions } from '../faults/postgres-sessions.ts'
import { terminate } from '../faults/terminate.ts'
import type { Rig, Scenario } from '../scenario.ts'

/** A refusal has to come within this time, so that the partner's own time-out does not. A frozen server is noticed later. */
const refusedWithinMs = { gone: 2_000, frozen: 3_000 }

/** Nothing can be accepted without PostgreSQL: the answer is 503 with Retry-After, soon, and all heals by itself. */
export const postgresOutage: Scenario = {
  name: 'postgres-outage',
  description:
    'PostgreSQL killed, down, paused, restarted, its sessions ended: 503 with Retry-After within 2 s, heals by itself',
  perSecond: 25,
  events: 500,
  async run(rig) {
    await rig.load.accepts(50, 60_000)
    await refusesSoon(rig, down('postgres'), refusedWithinMs.gone)
    await refusesSoon(rig, pause('postgres'), refusedWithinMs.frozen)
    await rig.suffer(kill('postgres'))
    await rig.suffer(terminate('postgres'))
    await rig.suffer(terminateSessions, { forMs: 10_000 })
  },
}

const outageMs = 15_000

async function refusesSoon(rig: Rig, fault: Fault, withinMs: number): Promise<void> {
  using seen = rig.load.watch()
  await rig.suffer(fault, { forMs: outageMs })
  const { refused, unanswered, without, slowestMs } = seen
  const saw = `${refused} refused, ${without} of them 503 without Retry-After, ${unanswered} unanswered, slowest ${slowestMs} ms`
  const soon = refused > 0 && unanswered === 0 && without === 0 && slowestMs < withinMs
  rig.require(
    `${fault.name}: each webhook is answered 202 or 503 with Retry-After within ${withinMs / 1_000} s`,
    soon,
    saw,
  )
}
