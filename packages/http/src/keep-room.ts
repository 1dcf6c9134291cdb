import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** Of so many connections one is kept free for whoever comes next. */
const roomShare = 20
/** Whoever sends a body is given this long before its pace is judged. */
const paceAfterMs = 2_000

type Sending = { readonly sinceMs: number; readonly bytesBefore: number }

/**
 * Keeps room for who has something to say. Near the limit of connections each new one takes the place of the one that has
 * been idle the longest: silent, still sending its headers, or kept alive after an answer. Where none is idle it takes the
 * place of the slowest that is still sending a body. A request that has arrived is never cut off.
 */
export function keepRoom(server: Server, connectionsMax: number): void {
  const crowded = connectionsMax - Math.max(1, Math.floor(connectionsMax / roomShare))
  const open = new Set<Socket>()
  // a set keeps its order: who stands first has been idle the longest
  const idle = new Set<Socket>()
  const sending = new Map<Socket, Sending>()
  const underWay = new WeakMap<Socket, number>()

  function forget(socket: Socket): void {
    open.delete(socket)
    idle.delete(socket)
    sending.delete(socket)
  }

  function makeRoom(): void {
    const [longest] = idle
    const leaving = longest ?? slowest(sending)
    if (leaving === undefined) return
    forget(leaving)
    leaving.destroy()
  }

  server.on('connection', (socket: Socket) => {
    if (open.size >= crowded) makeRoom()
    open.add(socket)
    idle.add(socket)
    socket.once('close', () => forget(socket))
  })

  // beyond the limit connections end before anybody hears of them; the next one finds room
  server.on('drop', makeRoom)

  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const { socket } = request
    idle.delete(socket)
    underWay.set(socket, (underWay.get(socket) ?? 0) + 1)
    if (bringsBody(request)) {
      sending.set(socket, { sinceMs: performance.now(), bytesBefore: socket.bytesRead })
      request.once('close', () => sending.delete(socket))
    }
    response.once('close', () => {
      const left = (underWay.get(socket) ?? 1) - 1
      underWay.set(socket, left)
      if (left === 0 && open.has(socket)) idle.add(socket)
    })
  })
}

function bringsBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
}

function slowest(sending: ReadonlyMap<Socket, Sending>): Socket | undefined {
  const nowMs = performance.now()
  let leastPace = Number.POSITIVE_INFINITY
  let found: Socket | undefined
  for (const [socket, { sinceMs, bytesBefore }] of sending) {
    const ageMs = nowMs - sinceMs
    const pace = (socket.bytesRead - bytesBefore) / ageMs
    if (ageMs < paceAfterMs || pace >= leastPace) continue
    leastPace = pace
    found = socket
  }
  return found
}
