import type { Fault } from '../fault.ts'
import type { Link, TcpProxy } from '../tcp-proxy.ts'

/** The link to a server is like this until it is healed. */
export function worsen(server: string, proxy: TcpProxy, link: Link): Fault {
  return {
    name: `${server} ${link.is === 'slow' ? `${link.delayMs} ms away` : link.is}`,
    async inject() {
      proxy.set(link)
      return async () => proxy.set({ is: 'open' })
    },
  }
}

/** Every connection to a server is dead, and no client is told. Nothing heals it: they have to notice. */
export function loseConnections(server: string, proxy: TcpProxy): Fault {
  return {
    name: `${server} connections half-open`,
    async inject() {
      proxy.halfOpen()
      return async () => undefined
    },
  }
}
