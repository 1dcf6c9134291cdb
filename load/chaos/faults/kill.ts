import { setTimeout as delay } from 'node:timers/promises'
import type { StackMember } from '@csr/testkit/stack'
import type { Fault } from '../fault.ts'
import { members } from '../rig-stack.ts'
import type { SeededRandom } from '../seeded-random.ts'

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
export const killEverything: Fault = killAll('kill everything at once', () => 0)

/** Each process at a moment of its own, so that one dies while another starts and a third takes over. */
export function killAtRandomMoments(random: SeededRandom, withinMs: number): Fault {
  const moments = new Map(members.map((member) => [member, random.below(withinMs)]))
  return killAll(`kill each process within ${withinMs / 1_000} s`, (member) => moments.get(member) ?? 0)
}

function killAll(name: string, afterMs: (member: StackMember) => number): Fault {
  return {
    name,
    async inject({ stack }) {
      const killed = await Promise.all(
        members.map(async (member) => {
          await delay(afterMs(member))
          const pid = stack.pidOf(member)
          await stack.kill(member)
          return { member, pid }
        }),
      )
      return async () => {
        for (const { member, pid } of killed) await stack.replaced(member, pid)
      }
    },
  }
}
