import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'

const blockBytes = 64 * 1024
const lookEveryMs = 200

/** The last lines of a file and the size up to which it was read, or null where there is no such file. */
export function lastLines(path: string, count: number): { text: string; size: number } | null {
  return withFile(path, (file, size) => {
    let from = size
    let text = ''
    while (from > 0 && text.split('\n').length <= count + 1) {
      const start = Math.max(0, from - blockBytes)
      text = read(file, start, from).toString('utf8') + text
      from = start
    }
    const lines = text.split('\n')
    const whole = lines.at(-1) === '' ? lines.slice(0, -1) : lines
    const wanted = count === 0 ? [] : whole.slice(-count)
    return { text: wanted.map((line) => `${line}\n`).join(''), size }
  })
}

/** Hands on what is added to a file from `size` on; begins anew when the file was cut or replaced. Ends with `signal`. */
export async function followFile(
  path: string,
  size: number,
  added: (text: string) => void,
  signal: AbortSignal = new AbortController().signal,
): Promise<void> {
  let at = size
  while (!signal.aborted) {
    const news = withFile(path, (file, now) => {
      if (now < at) at = 0
      const text = read(file, at, now).toString('utf8')
      at = now
      return text
    })
    if (news) added(news)
    await delay(lookEveryMs, undefined, { signal }).catch(() => {})
  }
}

function withFile<Result>(path: string, work: (file: number, size: number) => Result): Result | null {
  let file: number
  try {
    file = openSync(path, 'r')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
  try {
    return work(file, fstatSync(file).size)
  } finally {
    closeSync(file)
  }
}

function read(file: number, from: number, to: number): Buffer {
  const buffer = Buffer.alloc(to - from)
  const bytes = readSync(file, buffer, 0, buffer.length, from)
  return buffer.subarray(0, bytes)
}
