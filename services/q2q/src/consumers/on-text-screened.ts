import { on, RetryLater, unhurried, type Handler } from '@csr/messaging/consume'
import type { PrivacyClient } from '../clients/privacy-client.ts'
import type { OutcomeStore } from '../store/outcome-store.ts'
import type { Q2qTelemetry } from '../telemetry.ts'

type Deps = {
  readonly outcomes: Pick<OutcomeStore, 'score'>
  readonly privacy: PrivacyClient
  readonly telemetry: Q2qTelemetry
}

/** A screened text becomes an outcome, unless its author refuses now or there is nothing that may be scored. */
export function onTextScreened({ outcomes, privacy, telemetry }: Deps): Handler {
  const handler = on('safety.text.screened', async (tenantId, events) => {
    const authorIds = [...new Set(events.map(({ data }) => data.authorId))]
    const refusing = await privacy.whoRefuses(tenantId, authorIds).catch((error: unknown) => {
      throw new RetryLater(`privacy does not answer: ${error instanceof Error ? error.name : 'unknown'}`)
    })
    const { statements, events: announced, results } = await outcomes.score(tenantId, events, refusing)
    for (const result of results) telemetry.decided(result)
    return { statements, events: announced }
  })
  return unhurried(handler)
}
