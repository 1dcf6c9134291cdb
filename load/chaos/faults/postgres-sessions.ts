import { setTimeout as pause } from 'node:timers/promises'
import type { Fault } from '../fault.ts'
import type { RigStack } from '../rig-stack.ts'

/** All sessions of all services are ended every 300 ms, as a failing switch or an impatient operator does. */
export const terminateSessions: Fault = {
  name: 'postgres sessions terminated',
  async inject({ stack }) {
    const over = new AbortController()
    const storm = (async () => {
      while (!over.signal.aborted) {
        await terminate(stack)
        await pause(everyMs)
      }
    })()
    return async () => {
      over.abort()
      await storm
    }
  },
}

const everyMs = 300

function terminate(stack: RigStack): Promise<unknown> {
  return stack.ask((sql) => sql`select pg_terminate_backend(pid) from pg_stat_activity where usename like 'csr\\_%'`)
}
