import { setTimeout as delay } from 'node:timers/promises'
import { Refusal } from '../refusal.ts'
import type { DemoDocument } from '../stack-document.ts'
import { verifyAuditLog, type LogVerification } from '../verify-audit-log.ts'
import { createCompanyClient, type CompanyClient } from '../company-client.ts'
import { missingOf, readEffects, type Effects } from './read-effects.ts'
import { sampleData, type Expected } from './sample-data.ts'
import { readResult, type SampleReport } from './sample-result.ts'
import { importFile, sendWebhooks } from './send-samples.ts'

export type SampleOptions = {
  readonly signal: AbortSignal
  /** what it is at, in a few words */
  readonly onProgress: (text: string) => void
}

/**
 * The sample job: sends what three partners would send to the demo tenant, waits until all of it has had its effect, and
 * reports what the API then says. Knows addresses and secrets only. It may be cut off anywhere and run again, and
 * services may die under it: everything it sends has an id or is looked for first, so the report is the same.
 */
export async function runSamples(
  gatewayUrl: string,
  demo: DemoDocument,
  options: SampleOptions,
): Promise<SampleReport> {
  const company = createCompanyClient(gatewayUrl, demo.tenantId, options.signal)
  const { chains, files, expected } = sampleData()
  const webhooks = chains.flat().length
  await sendWebhooks(company, demo.partners, chains, (sent) => {
    if (sent % reportEvery === 0 || sent === webhooks) options.onProgress(`${sent} of ${webhooks} webhooks`)
  })
  for (const file of files) {
    options.onProgress(file.name)
    await importFile(company, file)
  }
  const effects = await untilSettled(company, expected, options)
  const log = await untilRecorded(company, effects, options)
  return reportOf(company, effects, log)
}

async function reportOf(company: CompanyClient, effects: Effects, log: LogVerification): Promise<SampleReport> {
  const { size, root, verified } = log
  return { result: await readResult(company, effects, verified), audit: { size, root, verified } }
}

const reportEvery = 40
const settledWithinMs = 150_000
const firstPauseMs = 300
const longestPauseMs = 3_000

async function untilSettled(company: CompanyClient, expected: Expected, options: SampleOptions): Promise<Effects> {
  return await until(options, async () => {
    const effects = await readEffects(company)
    return { value: effects, missing: missingOf(expected, effects) }
  })
}

/** Every effect has reached the log when it tells of each activity and each outcome. */
async function untilRecorded(
  company: CompanyClient,
  effects: Effects,
  options: SampleOptions,
): Promise<LogVerification> {
  const should = { activity: effects.activities.length, outcome: effects.outcomes.length }
  return await until(options, async () => {
    const log = await verifyLog(company)
    const told = (action: RegExp): number => log.records.filter((record) => action.test(record.action)).length
    const is = { activity: told(/^profile\.activity\.recorded/), outcome: told(/^q2q\.outcome\./) }
    const missing = (['activity', 'outcome'] as const)
      .filter((kind) => is[kind] < should[kind])
      .map((kind) => `${is[kind]} of ${should[kind]} ${kind} records`)
    return { value: log, missing }
  })
}

const verifyLog = async (company: CompanyClient): Promise<LogVerification> =>
  verifyAuditLog({ client: { call: company.ask }, token: '' })

/** Looks until nothing is missing; pauses grow, so that a long wait is no load. */
async function until<Value>(
  { signal, onProgress }: SampleOptions,
  look: () => Promise<{ readonly value: Value; readonly missing: readonly string[] }>,
): Promise<Value> {
  const endsAtMs = performance.now() + settledWithinMs
  let last = ''
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * 1.5, longestPauseMs)) {
    const { value, missing } = await look()
    if (missing.length === 0) return value
    const said = missing.join(', ')
    if (performance.now() >= endsAtMs)
      throw new Refusal(`The samples have not settled after ${settledWithinMs / 1_000} s: ${said}.`)
    if (said !== last) onProgress(said)
    last = said
    await delay(pauseMs, undefined, { signal })
  }
}
