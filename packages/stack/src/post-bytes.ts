import { describeProblem, GatewayRefusal } from './gateway-client.ts'

export type PostBody = Buffer | ReadableStream<Uint8Array>

/** Sends bytes as a partner's own program would; any answer but 202 is a GatewayRefusal. A stream can be sent once. */
export async function postBytes(
  url: string,
  headers: Readonly<Record<string, string>>,
  body: PostBody,
  withinMs = answerWithinMs,
): Promise<unknown> {
  const sent: RequestInit = {
    ...{ method: 'POST', headers, duplex: 'half' },
    body: body as NonNullable<RequestInit['body']>,
    signal: AbortSignal.timeout(withinMs),
  }
  const answer = await fetch(url, sent).catch((error: unknown) => {
    throw new GatewayRefusal(`${new URL(url).origin} does not answer.`, { status: 0, cause: error })
  })
  const { status } = answer
  const text = await answer.text().catch(() => '')
  const told = parsed(text)
  if (status === 202 && told !== null) return told
  const retryAfterMs = Number(answer.headers.get('retry-after') ?? 0) * 1_000 || 0
  const what = `POST ${new URL(url).pathname} was refused: ${describeProblem(status, told)}`
  throw new GatewayRefusal(what, { status: status === 202 ? 0 : status, retryAfterMs })
}

const answerWithinMs = 15_000

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
