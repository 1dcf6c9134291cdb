import type { StackMember } from '@csr/testkit/stack'
import type { Fault } from '../fault.ts'

/** SIGSTOP: alive, holding its connections and its work, and silent. SIGCONT ends it. */
export function pause(member: StackMember): Fault {
  return {
    name: `pause ${member}`,
    async inject({ stack }) {
      stack.signal(member, 'SIGSTOP')
      return async () => stack.signal(member, 'SIGCONT')
    },
  }
}
