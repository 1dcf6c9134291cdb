import { isPublished, operations } from '@csr/contracts/http/operations'
import { takesIdempotencyKey, type Operation } from '@csr/contracts/http/operation'
import { problems, type ProblemCode } from '@csr/contracts/problems'
import { services, type Service } from '@csr/contracts/services'
import { z } from 'zod'
import { jsonFile, type Generated } from './generated-file.ts'

type Json = Readonly<Record<string, unknown>>

/** OpenAPI 3.1: one document per service, as it answers its port, and the merged one, as the gateway answers outsiders. */
export function generateOpenApi(): Generated[] {
  return [
    ...services.map((service) =>
      jsonFile(
        `contracts/generated/openapi/${service}.json`,
        documentOf(`CSR Backbone: ${service}`, 'serviceToken', [[service, operations[service]]]),
      ),
    ),
    jsonFile(
      mergedPath,
      documentOf(
        'CSR Backbone',
        'accessToken',
        services.map((service) => [service, operations[service].filter(isPublished)]),
      ),
    ),
  ]
}

/** What the gateway answers as /openapi.json. */
export const mergedPath = 'contracts/generated/openapi/merged.json'

type Area = readonly [service: Service, operations: readonly Operation[]]

function documentOf(title: string, scheme: 'accessToken' | 'serviceToken', areas: readonly Area[]): Json {
  const paths: Record<string, Record<string, unknown>> = {}
  for (const [service, list] of areas) {
    for (const operation of list) {
      const path = operation.path.replace(/:([A-Za-z]+)/g, '{$1}')
      paths[path] = { ...paths[path], [operation.method.toLowerCase()]: describe(service, operation, scheme) }
    }
  }
  return {
    openapi: '3.1.0',
    info: {
      title,
      version: '1.0.0',
      description:
        'Errors are problem documents (RFC 9457), also where a request is none of an operation: 404, 405, 408, 414, 431. ' +
        'Lists answer `items` and `nextCursor`, newest first.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    tags: areas.map(([name]) => ({ name })),
    paths,
    components: {
      schemas: { Problem: problemSchema },
      responses: problemResponses(scheme === 'accessToken'),
      ...(scheme === 'accessToken' && { headers: rateHeaders }),
      securitySchemes: schemes(scheme),
    },
  }
}

function describe(service: Service, operation: Operation, scheme: string): Json {
  const { method, path, summary, permission, body } = operation
  const words = path.split('/').filter((word) => word !== '' && word !== 'v1')
  const noun = words.map((word) => word.replace(/^:(.)/, (_, first: string) => `By${first.toUpperCase()}`))
  const isAtEdge = scheme === 'accessToken'
  const isOpen = permission === 'public' && isAtEdge
  const isCounted = isAtEdge && operation.limit !== 'none'
  return {
    tags: [service],
    operationId: `${method.toLowerCase()}${noun.map(capitalise).join('')}`,
    summary,
    ...(permission !== 'public' && { description: needsOf(operation) }),
    'x-permission': permission,
    security: isOpen ? [] : isAtEdge ? [{ accessToken: [] }, { session: [] }] : [{ [scheme]: [] }],
    ...parametersOf(operation),
    ...(body && { requestBody: { required: true, content: bodyOf(operation) } }),
    responses: { ...answersOf(operation, isCounted), ...problemsOf(operation, isAtEdge) },
  }
}

function needsOf({ permission, fresh }: Operation): string {
  const asked = permission === 'signed-in' ? 'a caller who is signed in' : `the permission \`${permission}\``
  return `Needs ${asked}${fresh ? ' and a sign-in within the last 15 minutes' : ''}.`
}

function capitalise(word: string): string {
  return word
    .split(/[-.]/)
    .map((part) => part.charAt(0).toUpperCase() + part.slice(1))
    .join('')
}

const idempotencyKey: Json = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  description:
    'Repeating the request with the same key and bytes within 24 h gets the same answer and changes nothing.',
  schema: { type: 'string', maxLength: 202 },
}

function parametersOf(operation: Operation): Json {
  const { params, query } = operation
  const keyed = takesIdempotencyKey(operation) ? [idempotencyKey] : []
  const parameters = [...namedIn(params, 'path'), ...namedIn(query, 'query'), ...keyed]
  return parameters.length > 0 ? { parameters } : {}
}

function namedIn(schema: z.ZodType | undefined, place: 'path' | 'query'): Json[] {
  if (!schema) return []
  const { properties = {}, required = [] } = schemaOf(schema, 'input') as { properties?: Json; required?: string[] }
  return Object.entries(properties).map(([name, described]) => ({
    name,
    in: place,
    required: place === 'path' || required.includes(name),
    schema: described,
  }))
}

function bodyOf({ body, mediaTypes }: Operation): Json {
  if (body instanceof z.ZodType) return { 'application/json': { schema: schemaOf(body, 'input') } }
  return Object.fromEntries((mediaTypes ?? ['application/octet-stream']).map((type) => [type, {}]))
}

function answersOf({ answers, answerMediaType = 'application/zip' }: Operation, isCounted: boolean): Json {
  const headers = isCounted && { headers: rateHeaderReferences }
  return Object.fromEntries(
    Object.entries(answers).map(([status, schema]) => {
      if (schema instanceof z.ZodUndefined) return [status, { description: wordsOf(Number(status)), ...headers }]
      const isBinary = schema instanceof z.ZodCustom
      const content = isBinary
        ? { [answerMediaType]: {} }
        : { 'application/json': { schema: schemaOf(schema, 'output') } }
      return [status, { description: wordsOf(Number(status)), ...headers, content }]
    }),
  )
}

/** How many in which time, and what is left of it (draft-ietf-httpapi-ratelimit-headers). */
const rateHeaders: Json = {
  'RateLimit-Policy': {
    description: 'what counts, how many, in how many seconds: `"user";q=500;w=60`',
    schema: { type: 'string' },
  },
  RateLimit: { description: 'what is left, and for how many seconds: `"user";r=499;t=60`', schema: { type: 'string' } },
}

const rateHeaderReferences: Json = Object.fromEntries(
  Object.keys(rateHeaders).map((name) => [name, { $ref: `#/components/headers/${name}` }]),
)

function wordsOf(status: number): string {
  if (status < 300) return 'Done'
  return status === 303 ? 'Go on at the address in `Location`' : 'Answered'
}

/** The edge alone counts requests, screens texts, and takes cookies, which other sites could use. */
function edgeCodesOf({ permission, method, body, limit }: Operation): ProblemCode[] {
  return [
    ...(limit === 'none' ? [] : (['rate-limited'] as const)),
    ...(body instanceof z.ZodType ? (['request-refused'] as const) : []),
    ...(permission === 'public' || method === 'GET' ? [] : (['cross-site-refused'] as const)),
  ]
}

function problemsOf(operation: Operation, isAtEdge: boolean): Json {
  const { permission, params, query, body, problems: own = [] } = operation
  const codes = new Set<ProblemCode>(['internal', 'dependency-unavailable', ...own])
  if (permission !== 'public') codes.add('token-invalid').add('tenant-suspended').add('tenant-closed')
  for (const code of isAtEdge ? edgeCodesOf(operation) : []) codes.add(code)
  if (operation.fresh) codes.add('sign-in-not-fresh')
  if (permission !== 'public' && permission !== 'signed-in') codes.add('permission-denied')
  if (takesIdempotencyKey(operation)) codes.add('idempotency-key-in-use').add('idempotency-key-reused')
  if (params ?? query) codes.add('parameter-invalid')
  if (body) codes.add('body-too-large').add('media-type-unsupported')
  if (body instanceof z.ZodType) codes.add('body-invalid').add('json-invalid')
  const byStatus = new Map<number, ProblemCode>()
  for (const code of codes) if (!byStatus.has(problems[code].status)) byStatus.set(problems[code].status, code)
  return Object.fromEntries(
    [...byStatus]
      .toSorted(([a], [b]) => a - b)
      .map(([status]) => [status, { $ref: `#/components/responses/Problem${status}` }]),
  )
}

const problemSchema: Json = {
  type: 'object',
  required: ['type', 'title', 'status'],
  properties: {
    type: { type: 'string', description: 'Path that explains the code: /problems/<code>' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    instance: { type: 'string' },
    errors: {
      type: 'array',
      items: {
        type: 'object',
        required: ['pointer', 'detail'],
        properties: { pointer: { type: 'string' }, detail: { type: 'string' } },
      },
    },
  },
}

/** One response per status, naming the codes it may carry. */
function problemResponses(isAtEdge: boolean): Json {
  const codesOf = new Map<number, string[]>()
  for (const [code, { status }] of Object.entries(problems)) codesOf.set(status, [...(codesOf.get(status) ?? []), code])
  return Object.fromEntries(
    [...codesOf]
      .toSorted(([a], [b]) => a - b)
      .map(([status, codes]) => [
        `Problem${status}`,
        {
          description: codes.join(', '),
          ...((status === 503 || status === 429) && {
            headers: {
              'Retry-After': { schema: { type: 'integer' }, description: 'seconds' },
              ...(status === 429 && isAtEdge && rateHeaderReferences),
            },
          }),
          content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
        },
      ]),
  )
}

function schemes(scheme: 'accessToken' | 'serviceToken'): Json {
  return scheme === 'accessToken'
    ? {
        accessToken: { type: 'http', scheme: 'bearer', bearerFormat: 'at+jwt (RS256)' },
        session: {
          type: 'apiKey',
          in: 'cookie',
          name: '__Host-csr-session',
          description: 'Of a signed-in browser; changes also need `x-csrf-token`, which `GET /v1/me` tells',
        },
      }
    : {
        serviceToken: {
          type: 'apiKey',
          in: 'header',
          name: 'x-service-token',
          description: 'Of an allowed calling service',
        },
      }
}

function schemaOf(schema: z.ZodType, io: 'input' | 'output'): Json {
  const { $schema: _, ...described } = z.toJSONSchema(schema, { io, unrepresentable: 'any' })
  return described
}
