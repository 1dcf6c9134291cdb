import { readFileSync, statSync } from 'node:fs'
import { KeyFileRefused } from './errors.ts'

export type KeyFile = { readonly current: string; readonly keys: ReadonlyMap<string, Buffer> }

const keyBytes = 32
const distinctBytesMin = 8

/**
 * Reads `{ "current": "<kid>", "keys": { "<kid>": "<base64, 32 bytes>" } }`. Throws `KeyFileRefused` when the file is
 * missing, malformed, readable by everyone, or holds a key that is short or plainly not random.
 */
export function readKeyFile(path: string): KeyFile {
  const content = parse(path)
  const keys = new Map<string, Buffer>()
  for (const [kid, encoded] of Object.entries(content.keys)) {
    const key = typeof encoded === 'string' ? Buffer.from(encoded, 'base64') : Buffer.alloc(0)
    if (!/^[A-Za-z0-9_-]{1,64}$/.test(kid))
      throw new KeyFileRefused(path, 'a key id has characters outside A-Z a-z 0-9 _ -')
    if (key.length !== keyBytes) throw new KeyFileRefused(path, `key ${kid} has not ${keyBytes} bytes`)
    if (new Set(key).size < distinctBytesMin) throw new KeyFileRefused(path, `key ${kid} is not random`)
    keys.set(kid, key)
  }
  if (!keys.has(content.current)) throw new KeyFileRefused(path, 'the current key is not among its keys')
  return { current: content.current, keys }
}

function parse(path: string): { current: string; keys: Record<string, unknown> } {
  const text = readPrivate(path)
  let content: unknown
  try {
    content = JSON.parse(text)
  } catch {
    throw new KeyFileRefused(path, 'it is not JSON')
  }
  const { current, keys } = (content ?? {}) as { current?: unknown; keys?: unknown }
  if (typeof current !== 'string' || typeof keys !== 'object' || keys === null)
    throw new KeyFileRefused(path, 'it has not the form { current, keys }')
  return { current, keys: keys as Record<string, unknown> }
}

function readPrivate(path: string): string {
  let mode: number
  let text: string
  try {
    mode = statSync(path).mode
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw new KeyFileRefused(path, `it cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`)
  }
  if ((mode & 0o007) !== 0) throw new KeyFileRefused(path, 'others than its owner and group may use it; chmod 600 it')
  return text
}
