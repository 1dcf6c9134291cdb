import { execFileSync } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'
import type { run } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { sendSignal } from '@csr/stack/process-identity'

type Results = ReturnType<typeof run>

/** After the first signal a test process may take this long to end the servers it started. */
const endsWithinMs = 30_000

/**
 * Ends test files that take longer than `fileMsMax`: the runner's own time-outs end tests, not a process whose event loop
 * is blocked or kept open. An ended file counts as failed.
 */
export function endHungFiles(results: Results, options: { fileMsMax: number; say: (line: string) => void }): void {
  const timers = new Map<string, NodeJS.Timeout>()
  results.on('test:dequeue', ({ name, file }) => {
    if (name !== file) return
    const late = (): void => {
      options.say(`${file} has run for ${options.fileMsMax / 1_000} s and is ended`)
      void endChildren((line) => line.includes(file))
    }
    timers.set(file, setTimeout(late, options.fileMsMax).unref())
  })
  results.on('test:complete', ({ name, file }) => {
    if (name === file) clearTimeout(timers.get(file))
  })
}

/** SIGTERM to the children of this process whose command line fits, SIGKILL to those that stay; resolves when they are gone. */
export async function endChildren(fits: (commandLine: string) => boolean): Promise<void> {
  for (const pid of children(fits)) sendSignal(pid, 'SIGTERM')
  const endsAt = performance.now() + endsWithinMs
  while (children(fits).length > 0) {
    if (performance.now() > endsAt) for (const pid of children(fits)) sendSignal(pid, 'SIGKILL')
    await delay(50)
  }
}

function children(fits: (commandLine: string) => boolean): number[] {
  const all = process.platform === 'linux' ? listFromProc() : listFromPs()
  return all
    .filter(({ parent, commandLine }) => parent === process.pid && commandLine !== '' && fits(commandLine))
    .map(({ pid }) => pid)
}

type Listed = { readonly pid: number; readonly parent: number; readonly commandLine: string }

// A bare Debian has no ps. proc(5): behind the program's name in brackets stand the state and the parent.
function listFromProc(): Listed[] {
  const pids = readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))
  return pids.flatMap((pid) => {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
      const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
      const commandLine = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
      return [{ pid: Number(pid), parent, commandLine }]
    } catch {
      return []
    }
  })
}

function listFromPs(): Listed[] {
  const listed = execFileSync('ps', ['-A', '-ww', '-o', 'pid=,ppid=,args='], { encoding: 'utf8' })
  return listed.split('\n').flatMap((line) => {
    const [, pid, parent, commandLine = ''] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? []
    return pid === undefined ? [] : [{ pid: Number(pid), parent: Number(parent), commandLine }]
  })
}
