import { partner as partnerName, type Partner } from '@csr/contracts/events/ingest'
import { uuid } from '@csr/contracts/events/envelope'
import { receiveWebhook as operation } from '@csr/contracts/http/ingest'
import { platformTenantId } from '@csr/contracts/services'
import { ProblemError } from '@csr/http/problem'
import { route, type Route, type RouteRequest } from '@csr/http/route'
import type { TokenVerifier } from '@csr/http/token-verifier'
import type { Clock } from '@csr/runtime/clock'
import { readBody } from '../domain/read-body.ts'
import { readIdentifiers } from '../domain/read-identifiers.ts'
import { translate } from '../domain/translate.ts'
import { verifySignature, type SignedRequest } from '../domain/verify-signature.ts'
import type { DeliveryStore, Received } from '../store/delivery-store.ts'
import type { Endpoint, EndpointStore } from '../store/endpoint-store.ts'
import type { SignedDelivery } from '../store/prepare-claim.ts'
import type { RefusalStore } from '../store/refusal-store.ts'
import type { IngestTelemetry } from '../telemetry.ts'

type Deps = {
  readonly endpoints: Pick<EndpointStore, 'find'>
  readonly deliveries: Pick<DeliveryStore, 'accept' | 'quarantine'>
  readonly refusals: Pick<RefusalStore, 'note'>
  readonly tokens: Pick<TokenVerifier, 'stopOf'>
  readonly telemetry: IngestTelemetry
  readonly clock: Clock
  readonly toleranceSeconds: number
  /** stands in for the secret of an endpoint that does not exist, so that both refusals are the same work */
  readonly unknownSecret: Uint8Array
}

/** Partners come again by themselves for days; what they bring after the tenant is resumed is taken. */
const comeAgainSeconds = 300

/** 202 after the commit: accepted, duplicate or quarantined. Whatever is wrong before the body is read is one same 401. */
export function receiveWebhook(deps: Deps): Route {
  const { endpoints, telemetry } = deps
  return route({
    ...operation,
    async handle({ params, headers, body, requestId }) {
      const named = partnerName.safeParse(params.partner)
      if (!named.success) throw new ProblemError('route-not-found')
      const partner = named.data
      const found = uuid.safeParse(params.endpoint).success ? await endpoints.find(params.endpoint.toLowerCase()) : null
      const endpoint = found?.partner === partner ? found : null
      const signed = signedRequest(headers, body)
      const isSigned = isSignedBy(endpoint, signed, deps)
      const stop = endpoint && deps.tokens.stopOf(endpoint.tenantId)
      if (!endpoint || !isSigned || stop === 'closed') return await refuse(endpoint, partner, requestId, deps)
      if (stop === 'suspended') {
        telemetry.refused(partner, 'intake-suspended')
        throw new ProblemError('intake-suspended', { retryAfterSeconds: comeAgainSeconds })
      }
      const delivery = {
        tenantId: endpoint.tenantId,
        endpointId: endpoint.id,
        partner,
        webhookId: signed.webhookId,
        body,
      }
      const { deliveryId, outcome, otherBytes } = await take(delivery, endpoint, deps)
      telemetry.received(partner, outcome)
      if (otherBytes) await noteOtherBytes(endpoint, requestId, deps)
      return { status: 202, body: { deliveryId, outcome } }
    },
  })
}

function signedRequest(headers: RouteRequest['headers'], body: Uint8Array): SignedRequest {
  const text = (name: string): string => (typeof headers[name] === 'string' ? headers[name] : '')
  return {
    webhookId: text('webhook-id'),
    timestamp: text('webhook-timestamp'),
    signature: text('webhook-signature'),
    body,
  }
}

function isSignedBy(endpoint: Endpoint | null, signed: SignedRequest, deps: Deps): boolean {
  const now = { seconds: Math.floor(deps.clock.nowMs() / 1_000), toleranceSeconds: deps.toleranceSeconds }
  return verifySignature(signed, endpoint?.secrets ?? [deps.unknownSecret], now)
}

async function refuse(
  endpoint: Endpoint | null,
  partner: Partner,
  requestId: string,
  { refusals, telemetry }: Deps,
): Promise<never> {
  const reason = 'signature-invalid'
  telemetry.refused(partner, reason)
  const tenantId = endpoint?.tenantId ?? platformTenantId
  await refusals.note({ tenantId, endpointId: endpoint?.id ?? null, partner, reason }, requestId)
  throw new ProblemError(reason)
}

async function take(delivery: SignedDelivery, endpoint: Endpoint, deps: Deps): Promise<Received> {
  const { deliveries, telemetry } = deps
  const body = readBody(delivery.body)
  if (!body) throw new ProblemError('json-invalid')
  const translation = translate(endpoint.partner, body.value, endpoint.programme)
  if (translation.outcome === 'report') return await deliveries.accept(delivery, translation.report)
  const { reasons } = translation
  const received = await deliveries.quarantine(delivery, { reasons, people: readIdentifiers(body.value) })
  const { deliveryId, outcome } = received
  const { tenantId, partner } = delivery
  if (outcome === 'quarantined') telemetry.quarantined({ deliveryId, tenantId, partner, count: reasons.length })
  return received
}

async function noteOtherBytes(endpoint: Endpoint, requestId: string, { refusals, telemetry }: Deps): Promise<void> {
  const { tenantId, id: endpointId, partner } = endpoint
  const reason = 'same-id-other-bytes'
  telemetry.refused(partner, reason)
  await refusals.note({ tenantId, endpointId, partner, reason }, requestId)
}
