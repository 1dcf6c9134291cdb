import { connect } from 'node:net'

export type RawAnswer = {
  readonly status: number
  readonly head: string
  readonly body: string
  readonly closed: boolean
}

/** Sends bytes as they are and reads until the answer is whole or the other side closes. */
export async function sendRaw(port: number, bytes: string | Buffer, limitMs = 5_000): Promise<RawAnswer> {
  return await new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    let text = ''
    const timer = setTimeout(() => end(false), limitMs)
    const end = (closed: boolean): void => {
      clearTimeout(timer)
      socket.destroy()
      resolve(readAnswer(text, closed))
    }
    socket.on('connect', () => socket.write(bytes))
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      if (isWhole(text) && !/\r\nconnection: close\r\n/i.test(text)) end(false)
    })
    socket.on('close', () => end(true))
    socket.on('error', (error) => (text ? end(true) : (clearTimeout(timer), reject(error))))
  })
}

function isWhole(text: string): boolean {
  const [head = '', body] = text.split('\r\n\r\n', 2)
  const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? Number.NaN)
  return body !== undefined && Buffer.byteLength(body, 'latin1') >= length
}

function readAnswer(text: string, closed: boolean): RawAnswer {
  const [head = '', body = ''] = text.split('\r\n\r\n', 2)
  return { status: Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1] ?? 0), head, body, closed }
}
