import { mkdirSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { endProcesses, identify, isAlive, type ProcessIdentity } from '../process-identity.ts'
import { readJson, writeAtomically } from '../write-atomically.ts'
import { ServerError } from './server-error.ts'

type Claim = { readonly owner: ProcessIdentity; readonly server: ProcessIdentity | null }

/**
 * Says beside a server's directory who started it (`<directory>.owner.json`), so that the next start knows an orphan from
 * a server in use: the directory itself holds the server's data and nothing else.
 */
export type Ownership = {
  /** notes the server that now uses the directory */
  readonly record: (serverPid: number) => void
  readonly release: () => void
  /** what `start` returns; the directory is released when it throws */
  readonly startOrRelease: <Started>(start: () => Promise<Started>) => Promise<Started>
}

/**
 * Takes the directory for this process. Refused while the process that started the server there lives; a server whose
 * starter died is ended first.
 */
export async function takeDirectory(
  directory: string,
  options: { signal: NodeJS.Signals; limitMs: number },
): Promise<Ownership> {
  const path = `${directory}.owner.json`
  mkdirSync(dirname(directory), { recursive: true })
  const earlier = readJson(path) as Claim | null
  if (earlier !== null) {
    const ownedByOther = earlier.owner.pid !== process.pid && isAlive(earlier.owner)
    const serverAlive = earlier.server !== null && isAlive(earlier.server)
    if (ownedByOther || (earlier.owner.pid === process.pid && isAlive(earlier.owner) && serverAlive)) {
      throw new ServerError(
        'directory-in-use',
        `${directory} is in use by process ${earlier.owner.pid}. Stop it, or choose another folder with --data-dir.`,
      )
    }
    if (earlier.server !== null && serverAlive) await endProcesses([earlier.server], options)
  }
  const owner = identify(process.pid)
  if (owner === null) throw new ServerError('failed', 'this process cannot find itself in the process table')
  writeAtomically(path, JSON.stringify({ owner, server: null } satisfies Claim))
  const release = (): void => rmSync(path, { force: true })
  return {
    record: (serverPid) =>
      writeAtomically(path, JSON.stringify({ owner, server: identify(serverPid) } satisfies Claim)),
    release,
    async startOrRelease(start) {
      try {
        return await start()
      } catch (error) {
        release()
        throw error
      }
    },
  }
}
