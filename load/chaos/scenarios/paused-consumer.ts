import { join } from 'node:path'
import type { Service } from '@csr/contracts/services'
import { ackWaitMs } from '@csr/contracts/streams'
import { freePort } from '@csr/stack/servers/ports'
import { launchOf, startByHand, withoutProc } from '../faults/by-hand.ts'
import { pause } from '../faults/pause.ts'
import type { Fault } from '../fault.ts'
import type { Rig, Scenario } from '../scenario.ts'

/** A consumer that is away for longer than its acknowledgements may take, while another does its work, and then goes on. */
export const pausedConsumer: Scenario = {
  name: 'paused-consumer',
  description: 'a consumer paused for twice its ack wait and resumed after another took over: one effect',
  perSecond: 40,
  events: 500,
  async run(rig) {
    for (const service of ['profile', 'safety', 'q2q', 'audit'] as const) {
      await rig.load.accepts(60, 60_000)
      await rig.suffer(pauseBesideAnother(service), { forMs: 2 * ackWaitMs })
      await rig.load.accepts(20, 60_000)
    }
  },
}

function pauseBesideAnother(service: Service): Fault {
  return {
    name: `pause ${service} while a second one takes over`,
    unavailable: withoutProc,
    async inject(rig: Rig) {
      const launch = launchOf(rig.stack.pidOf(service))
      const other = await startByHand(launch, await freePort(), join(rig.folder, `${service}-2.log`))
      const resume = await pause(service).inject(rig)
      return async () => {
        await resume()
        await rig.stack.ready(60_000)
        await other[Symbol.asyncDispose]()
      }
    },
  }
}
