import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { RigStack } from '../rig-stack.ts'

/** The sum of a counter over all services and labels, as Prometheus would see it. A restart begins at 0. */
export async function sumOfMetric({ document }: RigStack, name: string): Promise<number> {
  const texts = await Promise.all(
    Object.values(document.services).map(async ({ url }) => {
      const answer = await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(3_000) }).catch(() => null)
      return answer?.ok === true ? answer.text() : ''
    }),
  )
  const line = new RegExp(`^${name}(?:\\{[^}]*\\})? ([0-9.e+]+)$`, 'gm')
  return texts.flatMap((text) => [...text.matchAll(line)]).reduce((sum, [, value]) => sum + Number(value), 0)
}

/** How many log lines of the stack have this message. */
export function countLogLines({ document }: RigStack, message: string): number {
  const logs = readdirSync(document.logsDir).map((name) => readFileSync(join(document.logsDir, name), 'utf8'))
  return logs.reduce((sum, text) => sum + text.split(`"${message}"`).length - 1, 0)
}
