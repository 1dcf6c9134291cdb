import { readdirSync, readFileSync } from 'node:fs'
import { systemClock } from '@csr/runtime/clock'
import { openFirewall } from '../../services/gateway/src/firewall/open-firewall.ts'
import { median, type BenchRow } from './measured.ts'

const medianMsGoal = 0.05
const longestMsGoal = 5
const rounds = 60
const longCharacters = 65_536

/** What screening costs, without HTTP: 1 KB that people wrote, and 64 KB of what costs most. */
export async function firewall(): Promise<BenchRow> {
  const silent = (): void => undefined
  const opened = openFirewall({
    ...{ mode: 'block', exclusionsFile: undefined, clock: systemClock() },
    ...{ witness: silent, expired: silent },
  })
  const { explainText } = opened.firewall
  // the first half warms up
  const costsMs: number[] = []
  const texts = kilobytes()
  for (let round = 0; round < rounds * 4; round += 1) {
    for (const text of texts) costsMs.push(timed(() => explainText(text)))
  }
  const sorted = costsMs.slice(costsMs.length / 2).toSorted((a, b) => a - b)
  const at = (share: number): number => sorted[Math.floor(sorted.length * share)] ?? 0
  const worst = patterns.map((pattern) => {
    const text = pattern.repeat(Math.ceil(longCharacters / pattern.length)).slice(0, longCharacters)
    return { pattern, ms: median(Array.from({ length: rounds }, () => timed(() => explainText(text)))) }
  })
  const longest = worst.reduce((most, one) => (one.ms > most.ms ? one : most))
  return {
    name: 'firewall',
    unit: 'ms',
    ours: at(0.5),
    bare: null,
    ratio: null,
    ...{ p50Ms: at(0.5), p95Ms: at(0.95), p99Ms: at(0.99) },
    goal: `1 KB <= ${medianMsGoal} ms at the median, 64 KB of anything <= ${longestMsGoal} ms`,
    met: at(0.5) <= medianMsGoal && longest.ms <= longestMsGoal,
    notes: [
      `1 KB: ${(at(0.5) * 1_000).toFixed(1)} µs at the median, ${(at(0.99) * 1_000).toFixed(1)} µs at p99`,
      `64 KB: longest ${longest.ms.toFixed(2)} ms, of ${JSON.stringify(longest.pattern)}, of ${patterns.length} patterns`,
    ],
  }
}

function timed(run: () => unknown): number {
  const startedMs = performance.now()
  run()
  return performance.now() - startedMs
}

/** Beginnings of attacks, escapes and plain letters: what keeps the reader or the rules busy. */
const patterns = [
  ...["'", "' or ", "' or 1", "x' and (", '1 or ', 'union select ', '; cat ', '<a ', '<script>', 'onload=', 'a', 'a '],
  ...[
    '%25',
    '%c0%',
    '&#x27;',
    '\\u0027',
    '/*',
    '/**/',
    '../',
    '{{',
    '${${',
    '$gt',
    'http://1',
    'PHNjcmlwdD5h',
    '＜',
    'ж ',
  ],
] as const

export function kilobytes(): string[] {
  const folder = new URL('../../services/gateway/test/firewall/corpus/natural/', import.meta.url)
  const lines = readdirSync(folder).flatMap((file) => readFileSync(new URL(file, folder), 'utf8').trim().split('\n'))
  const all = lines.join(' ')
  return Array.from({ length: Math.floor(all.length / 1_024) }, (_, at) => all.slice(at * 1_024, (at + 1) * 1_024))
}
