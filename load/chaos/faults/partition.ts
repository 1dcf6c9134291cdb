import { join } from 'node:path'
import type { Service } from '@csr/contracts/services'
import { freePort } from '@csr/stack/servers/ports'
import type { Fault } from '../fault.ts'
import { startTcpProxy } from '../tcp-proxy.ts'
import { launchOf, startByHand, withoutProc } from './by-hand.ts'

/** What a replica is told of its servers: each address goes through a link of its own. */
const addresses = ['DATABASE_URL', 'WORKER_DATABASE_URL', 'KEYS_DATABASE_URL', 'NATS_URL']

/**
 * One more replica of a service that works with the others, and is then cut off from PostgreSQL and NATS: it lives, its
 * connections live on at both ends, and nothing arrives. Healing opens the links again, and what was sent arrives late.
 */
export function partition(service: Service): Fault {
  return {
    name: `partition a replica of ${service}`,
    unavailable: withoutProc,
    async inject(rig) {
      const { command, args, env } = launchOf(rig.stack.pidOf(service))
      await using started = new AsyncDisposableStack()
      const links = new Map<string, Awaited<ReturnType<typeof startTcpProxy>>>()
      const through = async (address: string): Promise<string> => {
        const url = new URL(address)
        const link = links.get(url.port) ?? started.use(await startTcpProxy(Number(url.port)))
        links.set(url.port, link)
        url.port = String(link.port)
        return url.href
      }
      const cut: Record<string, string> = { ...env }
      for (const name of addresses) {
        const changed: string[] = []
        for (const address of (env[name] ?? '').split(',').filter(Boolean)) changed.push(await through(address))
        if (changed.length > 0) cut[name] = changed.join(',')
      }
      const log = join(rig.folder, `${service}-cut-off.log`)
      const replica = started.use(await startByHand({ command, args, env: cut }, await freePort(), log))
      await rig.load.accepts(100, 60_000)
      for (const link of links.values()) link.set({ is: 'black hole' })
      const kept = started.move()
      return async () => {
        for (const link of links.values()) link.set({ is: 'open' })
        await rig.load.accepts(50, 60_000)
        await replica[Symbol.asyncDispose]()
        await kept.disposeAsync()
      }
    },
  }
}
