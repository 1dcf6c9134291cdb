import { partner } from '@csr/contracts/events/ingest'
import { auditOperations } from '@csr/contracts/http/audit'
import { ingestOperations, receiveWebhook } from '@csr/contracts/http/ingest'
import type { Operation } from '@csr/contracts/http/operation'
import { privacyOperations } from '@csr/contracts/http/privacy'
import { profileOperations } from '@csr/contracts/http/profile'
import { q2qOperations } from '@csr/contracts/http/q2q'
import { safetyOperations } from '@csr/contracts/http/safety'
import type { Service } from '@csr/contracts/services'

/** One row: a public operation and the service that answers it. What is not here is not reachable from outside. */
export type Forwarding = {
  readonly service: Exclude<Service, 'gateway'>
  readonly operation: Operation
  /** the only request headers that pass beside the ones every row passes */
  readonly headers?: readonly string[]
}

/** Headers of Standard Webhooks: what is signed, and by what. */
const webhookHeaders = ['webhook-id', 'webhook-timestamp', 'webhook-signature']

/** One path per partner: another name is an unknown route, before a byte of the body is read. */
const webhooks = partner.options.map((name): Forwarding => ({
  service: 'ingest',
  operation: { ...receiveWebhook, path: receiveWebhook.path.replace(':partner', name) },
  headers: webhookHeaders,
}))

const to = (service: Forwarding['service'], operations: readonly Operation[]): Forwarding[] =>
  operations
    .filter(({ callers }) => callers === undefined || callers.includes('gateway'))
    .map((operation) => ({ service, operation }))

/** Area by area, what the gateway forwards. */
export const forwarding: readonly Forwarding[] = [
  ...webhooks,
  ...to(
    'ingest',
    ingestOperations.filter((operation) => operation !== receiveWebhook),
  ),
  ...to('profile', profileOperations),
  ...to('q2q', q2qOperations),
  ...to('safety', safetyOperations),
  ...to('privacy', privacyOperations),
  ...to('audit', auditOperations),
]
