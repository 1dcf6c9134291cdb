import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { PostgresOptions } from '../src/servers/postgres.ts'

export type Starter = { readonly pid: number; readonly serverPid: number; readonly kill: () => Promise<void> }

/** Starts a server from another process, which then stays; `kill` is a SIGKILL of that process, not of the server. */
export async function startInOtherProcess(
  kind: 'postgres' | 'nats',
  options: PostgresOptions | object,
): Promise<Starter> {
  const script = fileURLToPath(new URL('./programs/start-server.ts', import.meta.url))
  const child = spawn(process.execPath, [script, kind, JSON.stringify(options)], { stdio: ['pipe', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  const [line] = (await Promise.race([
    once(createInterface({ input: child.stdout }), 'line'),
    exited.then(() => ['']),
  ])) as [string]
  if (line === '') throw new Error('the other process ended without a server')
  return {
    pid: child.pid ?? 0,
    serverPid: Number(line),
    async kill() {
      child.kill('SIGKILL')
      await exited
    },
  }
}
