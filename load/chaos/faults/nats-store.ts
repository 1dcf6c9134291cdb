import { cpSync, readdirSync, rmSync, statSync, truncateSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { Fault } from '../fault.ts'
import type { RigStack } from '../rig-stack.ts'

/** The broker comes back with an empty disk. */
export const deleteStore: Fault = changedStore('nats store deleted', (storeDir) =>
  rmSync(storeDir, { recursive: true }),
)

/** The broker comes back without the end of what it had acknowledged: the last block of every stream is cut in half. */
export const cutStore: Fault = changedStore('nats store cut', (storeDir) => {
  for (const block of lastBlocks(storeDir)) truncateSync(block, Math.floor(statSync(block).size / 2))
})

/** A copy of the store as it is now, and the fault that the broker comes back with it. */
export function copyStore(stack: RigStack, folder: string): Fault {
  const copy = join(folder, 'older-store')
  stack.signal('nats', 'SIGSTOP')
  try {
    cpSync(storeOf(stack), copy, { recursive: true })
  } finally {
    stack.signal('nats', 'SIGCONT')
  }
  return changedStore('nats store swapped for an older copy', (storeDir) => {
    rmSync(storeDir, { recursive: true })
    cpSync(copy, storeDir, { recursive: true })
  })
}

/**
 * Freezes the server, changes its files, and kills it: it never writes again what it held in memory, so for the next
 * start the files were changed while it was down. The supervisor needs no asking.
 */
export function changedStore(name: string, change: (storeDir: string) => Promise<void> | void): Fault {
  return {
    name,
    async inject({ stack }) {
      const pid = stack.pidOf('nats')
      const storeDir = storeOf(stack)
      stack.signal('nats', 'SIGSTOP')
      await change(storeDir)
      await stack.kill('nats')
      return () => stack.replaced('nats', pid)
    },
  }
}

function storeOf({ document }: RigStack): string {
  const { storeDir } = document.nats
  if (storeDir === null) throw new Error('the store of a foreign server is out of reach')
  return storeDir
}

/** Of each stream the block that was written last: `streams/<name>/msgs/<number>.blk`. */
function lastBlocks(storeDir: string): string[] {
  const blocks = new Map<string, string>()
  for (const path of readdirSync(storeDir, { recursive: true, encoding: 'utf8' })) {
    const folder = dirname(path)
    if (!path.endsWith('.blk') || basename(folder) !== 'msgs') continue
    const number = (file: string | undefined): number => Number.parseInt(basename(file ?? '0'), 10)
    if (number(path) >= number(blocks.get(folder))) blocks.set(folder, path)
  }
  return [...blocks.values()].map((path) => join(storeDir, path))
}
