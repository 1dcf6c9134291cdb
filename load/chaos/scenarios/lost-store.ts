import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Fault } from '../fault.ts'
import { sumOfMetric } from '../faults/metrics.ts'
import { changedStore, copyStore, cutStore, deleteStore } from '../faults/nats-store.ts'
import type { Rig, Scenario } from '../scenario.ts'

const eventsBefore = 500
const eventsAfter = 600
const effectiveWithinMs = 90_000

/**
 * The broker loses what it had acknowledged, in four ways, each after 500 accepted events that are effective: everything
 * goes on, and what it lost comes back from the outboxes.
 */
export const lostStore: Scenario = {
  name: 'lost-store',
  description:
    'the NATS store deleted, cut, swapped for an older copy, deleted with 600 new events: effective within 90 s',
  perSecond: 20,
  events: 0,
  async run(rig) {
    await loses(rig, async () => deleteStore)
    await loses(rig, async () => cutStore)
    const older = copyStore(rig.stack, join(rig.stack.document.logsDir, '..'))
    await loses(rig, async () => older)
    await loses(rig, async () => filledPastTheOldSequence(rig))
  },
}

async function loses(rig: Rig, prepare: () => Promise<Fault>): Promise<void> {
  await rig.load.burst(eventsBefore)
  await rig.load.rest()
  await rig.settled(effectiveWithinMs)
  const fault = await prepare()
  const before = await sumOfMetric(rig.stack, lossMetric)
  const lostMs = performance.now()
  rig.load.resume()
  await rig.suffer(fault)
  await rig.load.rest()
  const settled = await rig.settled(effectiveWithinMs)
  const tookMs = performance.now() - lostMs
  const raised = (await sumOfMetric(rig.stack, lossMetric)) - before
  const saw = `${(tookMs / 1_000).toFixed(1)} s`
  rig.require(`${fault.name}: everything effective within 90 s`, settled && tookMs < effectiveWithinMs, saw)
  rig.require(`${fault.name}: ${lossMetric} raised`, raised > 0, `by ${raised}`)
  rig.load.resume()
}

/** While the server stands still 600 more are accepted; when it is back they go past the old sequence at once. */
function filledPastTheOldSequence({ load }: Rig): Fault {
  return changedStore(`nats store deleted, ${eventsAfter} new events`, async (storeDir) => {
    await load.burst(eventsAfter)
    rmSync(storeDir, { recursive: true })
  })
}

const lossMetric = 'stream_losses_total'
