import { down } from '../faults/down.ts'
import { pause } from '../faults/pause.ts'
import type { Scenario } from '../scenario.ts'

const outageMs = 60_000

/** Accepting needs PostgreSQL only: what comes in while the bus is away waits in the outbox. */
export const natsOutage: Scenario = {
  name: 'nats-outage',
  description: 'nats-server down for 60 s, then paused for 20 s: webhooks go on answering 2xx',
  perSecond: 25,
  events: 500,
  async run(rig) {
    await rig.load.accepts(50, 60_000)
    {
      using seen = rig.load.watch()
      await rig.suffer(down('nats'), { forMs: outageMs })
      const { accepted, refused, unanswered } = seen
      const saw = `${accepted} accepted, ${refused} refused, ${unanswered} unanswered`
      rig.require(
        'with nats-server down every webhook is answered 2xx',
        accepted > 500 && refused + unanswered === 0,
        saw,
      )
    }
    using seen = rig.load.watch()
    await rig.suffer(pause('nats'), { forMs: 20_000 })
    const { accepted, refused, unanswered } = seen
    const saw = `${accepted} accepted, ${refused} refused, ${unanswered} unanswered`
    rig.require('with nats-server paused too', accepted > 100 && refused + unanswered === 0, saw)
  },
}
