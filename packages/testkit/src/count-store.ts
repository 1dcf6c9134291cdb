import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { installCountStore } from '@csr/stack/install/count-store'
import { freePort } from '@csr/stack/servers/ports'
import { connect } from 'node:net'
import { ephemeralFolder } from './ephemeral.ts'
import { eventually } from './eventually.ts'

/** A Valkey or Redis server of its own, which keeps nothing on disk. */
export type TestCountStore = AsyncDisposable & {
  readonly url: string
  /** SIGKILL */
  kill(): Promise<void>
  /** empty, on the same port */
  start(): Promise<void>
}

export async function privateCountStore(): Promise<TestCountStore> {
  const { command, env } = await installCountStore((line) => process.stderr.write(`${line}\n`))
  const folder = ephemeralFolder()
  const port = await freePort()
  let child: ChildProcess | undefined

  async function start(): Promise<void> {
    const settings = [
      '--port',
      String(port),
      '--bind',
      '127.0.0.1',
      '--save',
      '',
      '--appendonly',
      'no',
      '--dir',
      folder.dir,
    ]
    child = spawn(command, settings, { env: { ...process.env, ...env }, stdio: 'ignore' })
    folder.adopt(child.pid ?? 0, 'SIGKILL')
    await eventually(() => answers(port))
  }

  async function kill(): Promise<void> {
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  }

  await start()
  return {
    url: `redis://127.0.0.1:${port}`,
    kill,
    start,
    async [Symbol.asyncDispose]() {
      await kill()
      folder.remove()
    },
  }
}

async function answers(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    socket.write('PING\r\n')
    await once(socket, 'data')
  } finally {
    socket.destroy()
  }
}
