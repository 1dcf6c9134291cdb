import { z } from 'zod'
import { instant, uuid } from '../events/envelope.ts'
import { partner } from '../events/ingest.ts'
import { programmeName } from '../partners/fields.ts'
import { importSchemaNames } from '../imports/schemas.ts'
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
  limit: 'endpoint',
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

export const importState = z.enum(['received', 'running', 'completed', 'completed_with_errors', 'failed'])

/** `rows.total = accepted + duplicate + quarantined`, at every moment; `progress` is the share of the file's bytes read. */
export const importStatus = z.object({
  id: uuid,
  schema: z.string(),
  state: importState,
  bytes: z.number().int(),
  progress: z.number().min(0).max(1),
  rows: z.object({
    total: z.number().int(),
    accepted: z.number().int(),
    duplicate: z.number().int(),
    quarantined: z.number().int(),
  }),
  receivedAt: instant,
  completedAt: instant.nullable(),
})
export type ImportStatus = z.infer<typeof importStatus>

/** One row of a file, by its number from 1 (the header is no row, nor are empty lines). */
export const importRow = z.object({
  row: z.number().int().min(1),
  status: z.enum(['accepted', 'duplicate', 'quarantined']),
  reasons: z.array(z.object({ column: z.string(), message: z.string() })),
})
export type ImportRow = z.infer<typeof importRow>

const importParams = z.object({ id: uuid })

export const createImport = operation({
  method: 'POST',
  path: '/v1/imports',
  summary: 'Takes a CSV file; answers once the whole file is stored, rows are worked off afterwards',
  permission: 'ingest:import',
  query: z.object({ schema: z.enum(importSchemaNames).optional() }),
  body: 'stream',
  mediaTypes: ['text/csv', 'multipart/form-data'],
  bodyBytesMax: 512 * 1024 * 1024,
  answers: { 202: importStatus },
})

export const listImports = operation({
  method: 'GET',
  path: '/v1/imports',
  summary: 'Lists imports, newest first',
  permission: 'ingest:import',
  query: pageQuery,
  answers: { 200: listOf(importStatus) },
})

export const getImport = operation({
  method: 'GET',
  path: '/v1/imports/:id',
  summary: 'How far an import is',
  permission: 'ingest:import',
  params: importParams,
  answers: { 200: importStatus },
  problems: ['resource-not-found'],
})

export const listImportRows = operation({
  method: 'GET',
  path: '/v1/imports/:id/rows',
  summary: 'Lists the rows of an import by what became of them, last row first',
  permission: 'ingest:review',
  params: importParams,
  query: z.object({
    status: importRow.shape.status.optional(),
    limit: listQuery.shape.limit,
    cursor: z.coerce.number().int().min(1).optional(),
  }),
  answers: { 200: listOf(importRow) },
  problems: ['resource-not-found'],
})

export const ingestOperations = [
  receiveWebhook,
  createEndpoint,
  listEndpoints,
  listDeliveries,
  createImport,
  listImports,
  getImport,
  listImportRows,
]
