import { createConnection, createServer, type Server, type Socket } from 'node:net'

/** What a link between two machines can be like. */
export type Link =
  | { readonly is: 'open' }
  /** each piece arrives this much later, in both directions */
  | { readonly is: 'slow'; readonly delayMs: number }
  /** nothing arrives, nobody is told; what was sent arrives when it opens again, as TCP would send it again */
  | { readonly is: 'black hole' }

/** A link to a server that can be made worse while it is used. */
export type TcpProxy = AsyncDisposable & {
  readonly port: number
  set(link: Link): void
  /** The server's half of every connection is closed; the client's stays open, unanswered, and nobody tells it. */
  halfOpen(): void
}

/** Listens on a free port of the loopback interface and hands everything on to `targetPort`. */
export async function startTcpProxy(targetPort: number): Promise<TcpProxy> {
  let link: Link = { is: 'open' }
  const pairs = new Set<Pair>()
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const pair = new Pair(client, targetPort, () => link)
    pairs.add(pair)
    pair.ended = () => pairs.delete(pair)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: portOf(server),
    set(next) {
      link = next
      for (const pair of pairs) pair.follow()
    },
    halfOpen() {
      for (const pair of pairs) pair.loseServer()
    },
    async [Symbol.asyncDispose]() {
      for (const pair of pairs) pair.end()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function portOf(server: Server): number {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the proxy does not listen')
  return address.port
}

/** One connection through the proxy. */
class Pair {
  ended: () => void = () => undefined
  readonly #client: Socket
  readonly #server: Socket
  readonly #link: () => Link
  #lost = false

  constructor(client: Socket, targetPort: number, link: () => Link) {
    this.#client = client
    this.#server = createConnection({ port: targetPort, host: '127.0.0.1', allowHalfOpen: true })
    this.#link = link
    this.#carry(client, this.#server)
    this.#carry(this.#server, client)
    this.follow()
  }

  /** Takes what the link is now for what comes from now on. */
  follow(): void {
    const stands = this.#link().is === 'black hole'
    for (const socket of [this.#client, this.#server]) {
      if (stands) socket.pause()
      else socket.resume()
    }
  }

  loseServer(): void {
    this.#lost = true
    this.#server.destroy()
  }

  end(): void {
    this.#client.destroy()
    this.#server.destroy()
    this.ended()
  }

  #carry(from: Socket, to: Socket): void {
    const later = inOrderAfter(() => {
      const link = this.#link()
      return link.is === 'slow' ? link.delayMs : 0
    })
    from.on('data', (piece: Buffer) => {
      if (!this.#lost) later(() => void (to.destroyed || to.write(piece)))
    })
    from.on('end', () => later(() => to.end()))
    from.on('error', () => undefined)
    from.on('close', () => {
      if (this.#lost && from === this.#server) return
      later(() => this.end())
    })
  }
}

/** Does things after a delay that may change meanwhile; they keep their order. */
function inOrderAfter(delayMs: () => number): (work: () => void) => void {
  const waiting: { readonly dueMs: number; readonly work: () => void }[] = []
  function go(): void {
    for (let next = waiting[0]; next; next = waiting[0]) {
      const waitMs = next.dueMs - performance.now()
      if (waitMs > 0) return void setTimeout(go, waitMs + 1)
      waiting.shift()
      next.work()
    }
  }
  return (work) => {
    waiting.push({ dueMs: performance.now() + delayMs(), work })
    if (waiting.length === 1) go()
  }
}
