import { loseConnections, worsen } from '../faults/link.ts'
import type { Scenario } from '../scenario.ts'

/** Networks between the services and their servers that are slow, silent, or half there. */
export const network: Scenario = {
  name: 'network',
  description: 'links to NATS and PostgreSQL slow, black holes, half-open connections',
  perSecond: 20,
  events: 300,
  stack: { foreignServers: true },
  async run(rig) {
    for (const [server, link] of Object.entries(rig.links ?? {})) {
      await rig.load.accepts(40, 60_000)
      await rig.suffer(worsen(server, link, { is: 'slow', delayMs: 100 }), { forMs: 10_000 })
      await rig.suffer(worsen(server, link, { is: 'black hole' }), { forMs: 20_000 })
      await rig.suffer(loseConnections(server, link))
    }
  },
}
