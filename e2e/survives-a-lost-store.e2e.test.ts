import assert from 'node:assert/strict'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { getOutbox } from '@csr/contracts/http/outbox'
import type { Fault } from '../load/chaos/fault.ts'
import { sumOfMetric } from '../load/chaos/faults/metrics.ts'
import { cutStore, deleteStore } from '../load/chaos/faults/nats-store.ts'
import { removeFolder, startRigStack, type RigStack } from '../load/chaos/rig-stack.ts'
import { judgeRun, openRig, type OpenRig } from '../load/chaos/run-scenario.ts'
import { createGatewayClient } from '@csr/stack/gateway-client'
import { eventually } from '@csr/testkit/eventually'

/* The short form of `npm run chaos -- lost-store`: real services, a broker that loses what it had acknowledged. */
const folder = mkdtempSync(join(tmpdir(), 'csr-lost-store-'))
let stack: RigStack
let open: OpenRig
before(async () => {
  stack = await startRigStack(join(folder, 'stack'))
  open = await openRig(stack, {
    ...{ seed: 1, folder, perSecond: 40, events: 0, links: null },
    atEnd: () => undefined,
    note: () => undefined,
  })
  open.rig.load.start()
})
after(async () => {
  await open?.rig.load.finish()
  await open?.[Symbol.asyncDispose]()
  await stack?.[Symbol.asyncDispose]()
  removeFolder(folder)
})

async function loses(fault: Fault): Promise<void> {
  const { rig, companies } = open
  await rig.load.burst(100)
  const losses = await sumOfMetric(stack, 'stream_losses_total')
  await rig.suffer(fault)
  await rig.load.accepts(20, 60_000)
  await rig.load.rest()
  assert.ok(await rig.settled(90_000), JSON.stringify(rig.underWay))
  assert.ok((await sumOfMetric(stack, 'stream_losses_total')) > losses, 'the metric was raised')
  const { findings, reports } = await judgeRun(rig, companies)
  assert.deepEqual(findings, [])
  assert.ok(reports.effective >= reports.accepted && reports.accepted > 100)
  rig.load.resume()
}

test('P2: services go on through a broker that lost its store, and everything accepted is effective once', async () => {
  await loses(deleteStore)
  await loses(cutStore)
  const client = createGatewayClient(stack.document.gateway)
  const token = await stack.token({ role: 'platform_admin' })
  await open.rig.load.rest()
  const { streams } = await eventually(async () => {
    const outbox = await client.call(getOutbox('ingest'), { token })
    assert.equal(outbox.unsent, 0)
    return outbox
  })
  const loss = streams.find(({ stream }) => stream === 'INGEST')?.lastLoss
  assert.ok(loss && loss.count > 0)
})
