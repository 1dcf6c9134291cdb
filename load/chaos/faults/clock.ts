import type { Fault } from '../fault.ts'

/** Every service comes back with its clock moved by so many seconds against the machine's (CSR_CLOCK_OFFSET_SECONDS). */
export function moveClock(seconds: number): Fault {
  const direction = seconds < 0 ? 'behind' : 'ahead'
  return {
    name: `clock ${Math.abs(seconds)} s ${direction}`,
    async inject({ stack }) {
      await stack.restart({ env: { CSR_CLOCK_OFFSET_SECONDS: String(seconds) } })
      return async () => undefined
    },
  }
}
