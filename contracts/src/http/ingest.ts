import { z } from 'zod'
import { instant, uuid } from '../events/envelope.ts'
import { partner } from '../events/ingest.ts'
import { programmeName } from '../partners/fields.ts'
import { listOf, listQuery } from './lists.ts'
import { operation } from './operation.ts'

export const webhookOutcome = z.enum(['accepted', 'duplicate', 'quarantined'])

/** 202 to a webhook, after the commit. For a duplicate `deliveryId` is the first delivery's. */
export const webhookAnswer = z.object({ deliveryId: uuid, outcome: webhookOutcome })
export type WebhookAnswer = z.infer<typeof webhookAnswer>

/** A name outside the three partners is 404, an unknown endpoint 401 like a wrong signature: both are decided inside. */
export const webhookParams = z.object({ partner: z.string(), endpoint: z.string() })

export const receiveWebhook = operation({
  method: 'POST',
  path: '/v1/webhooks/:partner/:endpoint',
  summary: 'Takes a webhook signed as Standard Webhooks says',
  permission: 'public',
  params: webhookParams,
  body: 'raw',
  mediaTypes: ['application/json'],
  bodyBytesMax: 1_048_576,
  answers: { 202: webhookAnswer },
  problems: ['route-not-found', 'body-too-large', 'media-type-unsupported', 'signature-invalid', 'json-invalid'],
})

/** An endpoint as it is listed: everything but its secret. */
export const endpoint = z.object({ id: uuid, partner, programme: z.string().nullable(), createdAt: instant })
export type Endpoint = z.infer<typeof endpoint>

/** `programme` stands in where a report names none. */
export const endpointRequest = z.strictObject({ partner, programme: programmeName.optional() })

/** The only answer that ever shows the secret (`whsec_…`). `webhookPath` is below the gateway's address. */
export const endpointCreated = z.object({ id: uuid, partner, webhookPath: z.string(), secret: z.string() })
export type EndpointCreated = z.infer<typeof endpointCreated>

export const createEndpoint = operation({
  method: 'POST',
  path: '/v1/endpoints',
  summary: 'Makes an endpoint for one partner and shows its secret once',
  permission: 'ingest:import',
  body: endpointRequest,
  answers: { 201: endpointCreated },
  problems: ['resource-not-found'],
})

const pageQuery = listQuery.extend({ cursor: uuid.optional() })

export const listEndpoints = operation({
  method: 'GET',
  path: '/v1/endpoints',
  summary: 'Lists the endpoints, newest first',
  permission: 'ingest:import',
  query: pageQuery,
  answers: { 200: listOf(endpoint) },
})

/** Why a delivery was not accepted: a JSON pointer into its body and what is wrong there, never a value. */
export const reason = z.object({ pointer: z.string(), message: z.string() })

/** `reasons` are there for quarantined deliveries, `duplicateOf` for duplicates under a webhook id of their own. */
export const delivery = z.object({
  id: uuid,
  endpointId: uuid,
  partner,
  outcome: webhookOutcome,
  kind: z.string().nullable(),
  receivedAt: instant,
  duplicateOf: uuid.optional(),
  reasons: z.array(reason).optional(),
})
export type Delivery = z.infer<typeof delivery>

export const listDeliveries = operation({
  method: 'GET',
  path: '/v1/deliveries',
  summary: 'Lists webhook deliveries, newest first; each signed id is there once',
  permission: 'ingest:review',
  query: pageQuery,
  answers: { 200: listOf(delivery) },
})

export const ingestOperations = [receiveWebhook, createEndpoint, listEndpoints, listDeliveries]
