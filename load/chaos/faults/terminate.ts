import type { StackMember } from '@csr/testkit/stack'
import type { Fault } from '../fault.ts'

/** An orderly end, as at an upgrade: SIGTERM, or what PostgreSQL takes for a fast shutdown. */
export function terminate(member: StackMember): Fault {
  return {
    name: `restart ${member}`,
    async inject({ stack }) {
      const pid = stack.pidOf(member)
      process.kill(pid, member === 'postgres' ? 'SIGINT' : 'SIGTERM')
      return () => stack.replaced(member, pid)
    },
  }
}
