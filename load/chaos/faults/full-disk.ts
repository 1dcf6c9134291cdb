import { execFileSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, renameSync, rmdirSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Fault } from '../fault.ts'
import type { Rig } from '../scenario.ts'

/** Why no disk of a given size can be had here; null where it can. */
export function withoutMounts(): string | null {
  const folder = mkdtempSync(join(tmpdir(), 'csr-mount-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'none', folder], { stdio: 'ignore' })
    execFileSync('umount', [folder], { stdio: 'ignore' })
    return null
  } catch {
    return 'this user may not mount a file system of limited size'
  } finally {
    rmdirSync(folder)
  }
}

/** Moves a server's data to a file system of its own, of this size, while the stack rests. */
export async function moveToSmallDisk(rig: Rig, server: 'nats' | 'postgres', megabytes: number): Promise<string> {
  const { storeDir, dataDir } = { ...rig.stack.document.nats, ...rig.stack.document.postgres }
  const data = server === 'nats' ? storeDir : dataDir
  if (data === null) throw new Error(`the data of a foreign ${server} are out of reach`)
  const aside = `${data}.aside`
  await rig.stack.restart({
    between() {
      renameSync(data, aside)
      execFileSync('mkdir', ['--mode=0700', data])
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=0700`, 'none', data])
      execFileSync('chown', [`--reference=${aside}`, data])
      execFileSync('cp', ['-a', `${aside}/.`, data])
      rmSync(aside, { recursive: true })
    },
  })
  rig.atEnd(() => void execFileSync('umount', ['--lazy', data]))
  return data
}

/**
 * No byte is left on the file system of this folder, then there is room again. nats-server remembers the write error of
 * each stream until it is restarted, which the supervisor has to do by itself.
 */
export function fillDisk(server: 'nats' | 'postgres', folder: string): Fault {
  const ballast = join(folder, 'ballast')
  return {
    name: `${server}: disk full, then room`,
    async inject() {
      fill(ballast)
      return async () => rmSync(ballast)
    },
  }
}

function fill(file: string): void {
  const handle = openSync(file, 'w')
  try {
    for (const size of [1_048_576, 4_096, 1]) while (wrote(handle, size)) continue
  } finally {
    closeSync(handle)
  }
}

function wrote(handle: number, size: number): boolean {
  try {
    return writeSync(handle, Buffer.alloc(size)) === size
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return false
    throw error
  }
}
