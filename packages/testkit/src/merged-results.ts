import { Readable } from 'node:stream'
import type { TestEvent } from 'node:test/reporters'

/** What several runs told, one after the other, as if it were one: their tests as they come, one summary at the end. */
export function mergeResults(runs: AsyncIterable<readonly TestEvent[]>): Readable {
  return Readable.from(withOneSummary(flat(runs)))
}

async function* flat(runs: AsyncIterable<readonly TestEvent[]>): AsyncGenerator<TestEvent> {
  for await (const events of runs) yield* events
}

type Diagnostic = Extract<TestEvent, { type: 'test:diagnostic' }>
type Summary = Extract<TestEvent, { type: 'test:summary' }>

// A run counts in diagnostics, one word and one number each, and ends in a summary; neither names a file.
async function* withOneSummary(events: AsyncIterable<TestEvent>): AsyncGenerator<TestEvent> {
  const startedMs = performance.now()
  const totals = new Map<string, number>()
  const summaries: Summary['data'][] = []
  for await (const event of events) {
    const [, word = '', count] = event.type === 'test:diagnostic' ? countIn(event) : []
    if (word !== '') totals.set(word, (totals.get(word) ?? 0) + Number(count))
    else if (event.type === 'test:summary' && event.data.file === undefined) summaries.push(event.data)
    else yield event
  }
  const durationMs = performance.now() - startedMs
  for (const [word, total] of totals.set('duration_ms', durationMs)) {
    yield { type: 'test:diagnostic', data: { nesting: 0, message: `${word} ${total}`, level: 'info' } }
  }
  const [first] = summaries
  if (first === undefined) return
  const success = summaries.every((summary) => summary.success)
  yield { type: 'test:summary', data: { ...first, success, counts: sumOf(summaries), duration_ms: durationMs } }
}

function countIn({ data }: Diagnostic): readonly string[] {
  if (data.file !== undefined || data.nesting !== 0) return []
  return /^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) ([\d.]+)$/.exec(data.message) ?? []
}

function sumOf(summaries: readonly Summary['data'][]): Summary['data']['counts'] {
  const counts = { ...(summaries[0] as Summary['data']).counts }
  for (const name of Object.keys(counts) as (keyof typeof counts)[]) {
    counts[name] = summaries.reduce((total, summary) => total + summary.counts[name], 0)
  }
  return counts
}
