import { createScreening, type ScreeningAnswer } from '@csr/contracts/http/safety'
import type { Upstream } from '@csr/http/upstream'

type Caller = {
  readonly authorization: string | undefined
  readonly requestId: string
  /** milliseconds until the caller of q2q waits no longer */
  readonly deadlineMs: number
}

/** Asks safety what may be read of a text. Down or slow, it throws: "not screened" is never "clean". */
export interface SafetyClient {
  screen(text: string, caller: Caller): Promise<ScreeningAnswer>
}

export function createSafetyClient({ safety }: { readonly safety: Pick<Upstream, 'json'> }): SafetyClient {
  return {
    screen: (text, { authorization, requestId, deadlineMs }) =>
      safety.json(
        {
          method: createScreening.method,
          path: createScreening.path,
          requestId,
          authorization,
          deadlineMs,
          headers: ['content-type', 'application/json'],
          body: JSON.stringify({ text }),
        },
        createScreening.answers[200],
      ),
  }
}
