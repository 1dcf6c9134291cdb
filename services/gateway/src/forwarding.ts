import { partner } from '@csr/contracts/events/ingest'
import { receiveWebhook } from '@csr/contracts/http/ingest'
import type { Operation } from '@csr/contracts/http/operation'
import { isPublished, operations } from '@csr/contracts/http/operations'
import { services, type Service } from '@csr/contracts/services'

/** One row: a published operation and the service that answers it. What is not here is not reachable from outside. */
export type Forwarding = {
  readonly service: Exclude<Service, 'gateway'>
  readonly operation: Operation
  /** request headers that pass beside the ones every row passes */
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

/** Area, permission, service and body limit of everything that is passed on: the contracts say them once. */
export const forwarding: readonly Forwarding[] = [
  ...webhooks,
  ...services
    .filter((service) => service !== 'gateway')
    .flatMap((service) => operations[service].filter(isPublished).map((operation) => ({ service, operation })))
    .filter(({ operation }) => operation !== receiveWebhook),
]
