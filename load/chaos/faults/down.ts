import type { StackMember } from '@csr/testkit/stack'
import type { Fault } from '../fault.ts'

/** Killed, and not started again until it is healed: the supervisor sleeps meanwhile, as an operator who is away. */
export function down(member: StackMember): Fault {
  return {
    name: `${member} down`,
    async inject({ stack }) {
      const pid = stack.pidOf(member)
      stack.signal('supervisor', 'SIGSTOP')
      await stack.kill(member)
      return async () => {
        stack.signal('supervisor', 'SIGCONT')
        await stack.replaced(member, pid)
      }
    },
  }
}
