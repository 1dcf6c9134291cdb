import { setTimeout as pause } from 'node:timers/promises'
import { signWebhook } from '@csr/stack/sign-webhook'
import type { RigStack } from '../rig-stack.ts'
import type { AttemptLog } from './attempt-log.ts'
import type { Company } from './companies.ts'
import { partnerBody } from './partner-body.ts'
import type { Send } from './report.ts'

/** One answer, or none (status 0). */
export type Answer = { readonly status: number; readonly retryAfter: number | null; readonly tookMs: number }

type Deps = {
  readonly stack: RigStack
  readonly companies: readonly Company[]
  readonly log: AttemptLog
  /** told of each attempt's end */
  readonly answered: (answer: Answer) => void
}

/** Posts as a partner does: again under the same webhook id until a 2xx came, for as long as it has patience. */
export type PartnerSystem = {
  /** resolves with the last status when it was accepted, refused for good, or given up */
  deliver(send: Send, signal: AbortSignal): Promise<number>
}

const answerWithinMs = 10_000
const firstPauseMs = 200
const longestPauseMs = 1_000

export function createPartnerSystem({ stack, companies, log, answered }: Deps): PartnerSystem {
  let attempts = 0

  async function attempt(send: Send): Promise<Answer> {
    const { report, webhookId } = send
    const number = (attempts += 1)
    await log.append({ entry: 'attempt', attempt: number, at: Date.now(), webhookId, report })
    const startedMs = performance.now()
    const answer = await post(send).catch(() => null)
    const tookMs = Math.round(performance.now() - startedMs)
    const about = { attempt: number, at: Date.now(), tookMs }
    if (answer === null) await log.append({ entry: 'no-answer', ...about })
    else await log.append({ entry: 'answer', ...about, ...answer })
    const told = { status: answer?.status ?? 0, retryAfter: answer?.retryAfter ?? null, tookMs }
    answered(told)
    return told
  }

  async function post({ report, webhookId: id }: Send) {
    const company = companies[report.company]
    if (!company) throw new Error(`there is no company ${report.company}`)
    const { webhookPath, secret } = company.endpoints[report.partner]
    const body = Buffer.from(partnerBody(report))
    const timestamp = Math.floor(Date.now() / 1_000) + stack.clockOffsetSeconds
    const answer = await fetch(new URL(webhookPath, stack.document.gateway), {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...signWebhook({ id, timestamp, body, secret }) },
      body,
      signal: AbortSignal.timeout(answerWithinMs),
    })
    const told = (await answer.json()) as { outcome?: string }
    const retryAfter = answer.headers.get('retry-after')
    return {
      status: answer.status,
      outcome: told.outcome ?? null,
      retryAfter: retryAfter === null ? null : Number(retryAfter),
    }
  }

  return {
    async deliver(send, signal) {
      for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
        const answers = await Promise.all(Array.from({ length: send.copies }, () => attempt(send)))
        const best = answers.find(({ status }) => isAccepted(status)) ?? answers[0]
        const status = best?.status ?? 0
        if (isAccepted(status) || isRefusedForGood(status) || !send.persistent || signal.aborted) return status
        await pause(pauseMs, undefined, { signal }).catch(() => undefined)
      }
    },
  }
}

export function isAccepted(status: number): boolean {
  return status >= 200 && status < 300
}

/** What another attempt would not change; "too many requests" is not among it. */
export function isRefusedForGood(status: number): boolean {
  return status >= 400 && status < 500 && status !== 429
}
