import { createServer } from 'node:net'

/** Whether something could listen on this loopback port now. */
export function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)))
  })
}

/**
 * A port nobody listens on, below the range the system gives to outgoing connections. Somebody else may still take it
 * before its user does: who starts a server on one tries again with another.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const port = firstPort + Math.floor(Math.random() * (lastPort - firstPort))
    if (await isPortFree(port)) return port
  }
  throw new Error(`no free port between ${firstPort} and ${lastPort}`)
}

const firstPort = 20_000
const lastPort = 32_000
