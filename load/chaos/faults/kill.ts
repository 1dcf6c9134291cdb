import type { StackMember } from '@csr/testkit/stack'
import type { Fault } from '../fault.ts'
import { members } from '../rig-stack.ts'

/** SIGKILL; it is over when the supervisor has put another process in the place. */
export function kill(member: StackMember): Fault {
  return {
    name: `kill ${member}`,
    async inject({ stack }) {
      const pid = stack.pidOf(member)
      await stack.kill(member)
      return () => stack.replaced(member, pid)
    },
  }
}

/** SIGKILL to every process of the stack, as when a machine loses power; the supervisor starts them again. */
export const killEverything: Fault = {
  name: 'kill everything at once',
  async inject({ stack }) {
    const pids = members.map((member) => ({ member, pid: stack.pidOf(member) }))
    await Promise.all(pids.map(({ member }) => stack.kill(member)))
    return async () => {
      for (const { member, pid } of pids) await stack.replaced(member, pid)
    }
  },
}
