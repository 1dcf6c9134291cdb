import { fillDisk, moveToSmallDisk, withoutMounts } from '../faults/full-disk.ts'
import type { Scenario } from '../scenario.ts'

/** Room for the servers' data and a little load. */
const megabytes = { nats: 64, postgres: 512 }

/** A disk that is full, and room on it again. */
export const diskFull: Scenario = {
  name: 'disk-full',
  description: 'the disk of nats-server full, then that of PostgreSQL: heals when there is room again (needs to mount)',
  perSecond: 25,
  events: 500,
  async run(rig) {
    const unavailable = withoutMounts()
    for (const server of ['nats', 'postgres'] as const) {
      if (unavailable !== null) {
        rig.notRun(`${server}: disk full`, unavailable)
        continue
      }
      const folder = await moveToSmallDisk(rig, server, megabytes[server])
      await rig.load.accepts(50, 60_000)
      await rig.suffer(fillDisk(server, folder), { forMs: 20_000 })
    }
  },
}
