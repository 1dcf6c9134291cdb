import { rmSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { isAlive, type ProcessIdentity } from './process-identity.ts'
import { endLeftBehind, readRegistry } from './process-registry.ts'

/*
 * Waits until its supervisor is gone and then ends what that supervisor left behind: `warden.ts <registry> <stack.json>`.
 * After an orderly stop nothing is left and it just ends. Signals for the supervisor's terminal are not for it.
 */
const [registryFile = '', stackFile = ''] = process.argv.slice(2)
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})
process.on('disconnect', () => void clearUp())
// A listener for messages keeps the channel, and with it this process, open.
process.on('message', () => {})

const supervisorOf = () => readRegistry(registryFile)?.supervisor
const supervisor = supervisorOf()

async function clearUp(): Promise<void> {
  // A directory that another supervisor has taken over since, or that was put in order, is not this warden's any more.
  if (supervisor === undefined || supervisorOf()?.startedAt !== supervisor.startedAt) return
  if (!(await isGone(supervisor))) return
  const ended = await endLeftBehind(registryFile)
  if (readRegistry(registryFile) === null) rmSync(stackFile, { force: true })
  if (ended.length > 0) process.stderr.write(`the supervisor is gone; ended: ${ended.join(', ')}\n`)
}

/** The channel closes a moment before the process is gone. */
async function isGone(identity: ProcessIdentity): Promise<boolean> {
  for (let attempt = 0; attempt < 200 && isAlive(identity); attempt += 1) await delay(10)
  return !isAlive(identity)
}
