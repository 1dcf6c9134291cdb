import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keeperTelemetry } from '@csr/messaging/telemetry'
import { createTelemetry } from '@csr/runtime/telemetry'

test('what the server gave up on is counted by declared names only: a foreign program may bear any other', async () => {
  const telemetry = createTelemetry('keeper')
  const { gaveUp } = keeperTelemetry(telemetry)
  const place = { at: '2026-11-20T08:00:00Z', sequence: 1 }
  gaveUp({ ...place, kind: 'terminated', stream: 'INGEST', durable: 'profile-on-session-completed' })
  for (let number = 0; number < 100; number += 1) {
    gaveUp({ ...place, kind: 'max-deliveries', stream: `FOREIGN-${number}`, durable: `somebody-${number}` })
  }
  const lines = (await telemetry.exposition()).split('\n').filter((line) => line.startsWith('server_gave_up_total{'))
  assert.deepEqual(lines.toSorted(), [
    'server_gave_up_total{kind="max-deliveries",stream="other",durable="other",service="keeper"} 100',
    'server_gave_up_total{kind="terminated",stream="INGEST",durable="profile-on-session-completed",service="keeper"} 1',
  ])
})
