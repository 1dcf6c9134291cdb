import { setTimeout as wait } from 'node:timers/promises'
import { catalog } from '@csr/contracts/events/catalog'
import { sessionCompleted } from '@csr/contracts/events/ingest'
import { upcasters } from '@csr/contracts/events/upcasters'
import { z } from 'zod'
import { recording, startService } from './rig.ts'

/*
 * A replica of `profile` in a process of its own. It tells its parent `begins` before each event it handles and takes
 * CSR_TEST_TAKES_MS for it; with CSR_TEST_KNOWS=2 it is the release that knows a second version. It stops on SIGTERM as a
 * service does.
 */
const env = process.env
const urls = JSON.parse(env['CSR_TEST_URLS'] ?? '{}') as Record<string, string>
const takesMs = Number(env['CSR_TEST_TAKES_MS'] ?? 0)

if (env['CSR_TEST_KNOWS'] === '2') {
  const second = sessionCompleted.omit({ topics: true }).extend({ tags: z.array(z.string()) })
  Object.assign(catalog, { 'ingest.session.completed.v2': second })
  Object.assign(upcasters, {
    'ingest.session.completed.v1': {
      to: 'ingest.session.completed.v2',
      read: ({ topics, ...rest }: z.output<typeof sessionCompleted>) => ({ ...rest, tags: topics }),
    },
  })
}

const handler = recording(async (event) => {
  const { tags } = event.data as { tags?: readonly string[] }
  process.send?.({ begins: event.id, tags: tags ?? null })
  await wait(takesMs)
})

const service = await startService(
  {
    database: { url: (role) => urls[role] ?? '' },
    nats: { url: env['CSR_TEST_NATS'] ?? '', credentialsFile: () => env['CSR_TEST_CREDENTIALS'] ?? '' },
  },
  'profile',
  { handlers: [handler] },
)
process.on('disconnect', () => process.exit(1))
process.on('SIGTERM', () => void service[Symbol.asyncDispose]().then(() => process.exit(0)))
process.send?.({ started: true })
