import { ProviderUnavailable } from './sign-in-refusal.ts'

export type FetchLimits = {
  /** from the first byte sent to the last one read */
  readonly withinMs: number
  /** of a body, after decompression */
  readonly bytesMax: number
  /** requests under way at a time; more are refused at once, so that a provider that hangs holds no more than these */
  readonly underWayMax: number
}

/** A provider's documents are a few kilobytes; a person waits for the answer. */
export const fetchLimits: FetchLimits = { withinMs: 4_000, bytesMax: 262_144, underWayMax: 32 }

type Init = {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: RequestInit['body']
}

/** Requests of one provider. Whatever is not an answer of a provider becomes `ProviderUnavailable`. */
export type LimitedFetch = (url: string, init?: Init) => Promise<Response>

/** No redirect is followed: where a provider answers is what its discovery document says (SECURITY 24). */
export function createLimitedFetch(limits: FetchLimits = fetchLimits): LimitedFetch {
  let underWay = 0
  return async (url, init = {}) => {
    if (underWay >= limits.underWayMax) throw new ProviderUnavailable('too many requests are under way')
    underWay += 1
    try {
      const { method = 'GET', headers = {}, body = null } = init
      const signal = AbortSignal.timeout(limits.withinMs)
      const answer = await fetch(url, { method, headers, body, redirect: 'manual', signal })
      return await take(answer, limits.bytesMax)
    } catch (error) {
      throw error instanceof ProviderUnavailable ? error : new ProviderUnavailable('no answer', error)
    } finally {
      underWay -= 1
    }
  }
}

/** The whole answer in memory, or an error that leaves the rest unread. */
async function take(answer: Response, bytesMax: number): Promise<Response> {
  const { status } = answer
  if (status === 429 || status >= 500 || (status >= 300 && status < 400) || status < 200) {
    await answer.body?.cancel()
    throw new ProviderUnavailable(`answered ${status}`)
  }
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of answer.body ?? []) {
    bytes += chunk.byteLength
    if (bytes > bytesMax) throw new ProviderUnavailable('the answer is too large')
    chunks.push(chunk)
  }
  const contentType = answer.headers.get('content-type')
  const body = status === 204 || status === 205 ? null : Buffer.concat(chunks)
  return new Response(body, { status, headers: contentType === null ? {} : { 'content-type': contentType } })
}
