import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { eventually } from '@csr/testkit/eventually'

/** Why no process can be killed at a write here; null where it can. */
export function withoutStrace(): string | null {
  if (process.platform !== 'linux') return 'needs Linux'
  try {
    execFileSync('strace', ['--version'], { stdio: 'ignore' })
    return null
  } catch {
    return 'strace is not installed'
  }
}

const writes = 'write,writev,sendto,sendmsg'

/** Watches a process: at the `nth` write of any of its threads, to whatever it writes, it gets a SIGKILL. Disposal lets it go. */
export async function killAtWrite(pid: number, nth: number): Promise<AsyncDisposable> {
  const inject = `inject=${writes}:signal=SIGKILL:when=${nth}`
  const args = ['-f', '-qq', '-o', '/dev/null', '-e', `trace=${writes}`, '-e', inject, '-p', String(pid)]
  const strace = spawn('strace', args, { stdio: 'ignore' })
  const ended = new Promise((resolve) => strace.once('exit', resolve))
  await eventually(() => isWatched(pid, strace), { withinMs: 5_000, what: `strace watches process ${pid}` })
  return {
    async [Symbol.asyncDispose]() {
      strace.kill('SIGINT')
      // It may wait for ever for a thread that died while it was let go; its own end lets everything go.
      const late = setTimeout(() => strace.kill('SIGKILL'), 5_000)
      await ended
      clearTimeout(late)
    },
  }
}

/** With few writes to go the process may be dead before anybody looks. */
function isWatched(pid: number, strace: ChildProcess): void {
  const status = statusOf(pid)
  if (status === null || /^State:\t[ZX]/m.test(status)) return
  if (strace.exitCode !== null || strace.signalCode !== null) throw new Error(`strace ended with ${strace.exitCode}`)
  if (!/^TracerPid:\t[1-9]/m.test(status)) throw new Error('not yet')
}

function statusOf(pid: number): string | null {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8')
  } catch {
    return null
  }
}
