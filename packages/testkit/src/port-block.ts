import { linkSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { identify, isAlive, type ProcessIdentity } from '@csr/stack/process-identity'
import { isPortFree } from '@csr/stack/servers/ports'

/** Ten ports in a row that no other test process uses until they are released. */
export type PortBlock = Disposable & { readonly base: number }

// Above 10080, which fetch refuses to call.
const firstBase = 10_100
const lastBase = 19_990
const size = 10

/**
 * Claims a block for this process, or several in a row, of which the first tells the base; a claim of a process that is
 * gone counts for nothing.
 */
export async function claimPorts(blocks = 1): Promise<PortBlock> {
  const folder = join(tmpdir(), `csr-test-ports-${process.getuid?.() ?? 0}`)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const own = join(folder, `own-${process.pid}`)
  writeFileSync(own, JSON.stringify(identify(process.pid)))
  try {
    for (let attempt = 0; attempt < 1_000; attempt += 1) {
      const base = firstBase + size * Math.floor((Math.random() * (lastBase - firstBase)) / size)
      const claims = Array.from({ length: blocks }, (_, index) => join(folder, String(base + index * size)))
      const taken = takeAll(own, claims)
      const release = (): void => taken.forEach((claim) => rmSync(claim, { force: true }))
      if (taken.length === blocks && (await areFree(base, blocks * size))) return { base, [Symbol.dispose]: release }
      release()
    }
  } finally {
    rmSync(own, { force: true })
    forgetDead(folder)
  }
  throw new Error(`no ${size} free ports in a row between ${firstBase} and ${lastBase}`)
}

/** Those that could be taken, up to the first that could not. */
function takeAll(own: string, claims: readonly string[]): string[] {
  const refused = claims.findIndex((claim) => !take(own, claim))
  return refused === -1 ? [...claims] : claims.slice(0, refused)
}

// A hard link is made whole or not at all, so no claim is ever seen half written.
function take(own: string, claim: string): boolean {
  try {
    linkSync(own, claim)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

async function areFree(base: number, count: number): Promise<boolean> {
  for (let port = base; port < base + count; port += 1) if (!(await isPortFree(port))) return false
  return true
}

function forgetDead(folder: string): void {
  for (const name of readdirSync(folder)) {
    const holder = readHolder(join(folder, name))
    if (holder !== null && !isAlive(holder)) rmSync(join(folder, name), { force: true })
  }
}

function readHolder(path: string): ProcessIdentity | null {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as ProcessIdentity
  } catch {
    return null
  }
}
