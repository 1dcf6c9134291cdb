import { z } from 'zod'
import { instant, uuid } from '../events/envelope.ts'
import { secret } from './accounts.ts'
import { operation } from './operation.ts'

/** Public members of a key that a machine signs its assertions with; a private member is refused. */
const machineKey = z.strictObject({
  kty: z.enum(['RSA', 'EC']),
  kid: z.string().min(1).max(100),
  alg: z.enum(['RS256', 'PS256', 'ES256']).optional(),
  use: z.literal('sig').optional(),
  n: z.string().max(2_000).optional(),
  e: z.string().max(20).optional(),
  crv: z.literal('P-256').optional(),
  x: z.string().max(100).optional(),
  y: z.string().max(100).optional(),
})
export type MachineKey = z.infer<typeof machineKey>

export const machineClient = z.object({
  id: uuid,
  name: z.string(),
  role: z.enum(['programme_manager', 'auditor']),
  /** how it proves itself at `POST /v1/auth/token` */
  method: z.enum(['client_secret', 'private_key_jwt']),
  createdAt: instant,
})
export type MachineClient = z.infer<typeof machineClient>

export const createMachineClient = operation({
  method: 'POST',
  path: '/v1/machine-clients',
  summary: "Makes a machine client of the caller's tenant; its secret, where it has one, is told here only",
  permission: 'signed-in',
  fresh: true,
  body: z.strictObject({
    name: z.string().trim().min(1).max(200),
    role: machineClient.shape.role,
    /** without keys the client gets a secret */
    publicKeys: z.array(machineKey).min(1).max(5).optional(),
  }),
  answers: { 201: machineClient.extend({ secret: secret.nullable() }) },
  problems: ['permission-denied', 'sign-in-not-fresh'],
})

export const listMachineClients = operation({
  method: 'GET',
  path: '/v1/machine-clients',
  summary: "The machine clients of the caller's tenant, newest first",
  permission: 'signed-in',
  answers: { 200: z.object({ items: z.array(machineClient) }) },
  problems: ['permission-denied'],
})

export const removeMachineClient = operation({
  method: 'DELETE',
  path: '/v1/machine-clients/:id',
  summary: 'Removes a machine client; its tokens are refused within a minute',
  permission: 'signed-in',
  params: z.object({ id: uuid }),
  answers: { 204: z.undefined() },
  problems: ['permission-denied', 'resource-not-found'],
})

/** Parameters of RFC 6749, RFC 7523; `session` trades the cookie of a signed-in browser for tokens of an application. */
export const tokenRequest = z.discriminatedUnion('grant_type', [
  z.object({ grant_type: z.literal('refresh_token'), refresh_token: z.string().min(1).max(200) }),
  z.object({
    grant_type: z.literal('client_credentials'),
    client_id: z.string().max(100).optional(),
    client_secret: z.string().max(200).optional(),
    client_assertion_type: z.literal('urn:ietf:params:oauth:client-assertion-type:jwt-bearer').optional(),
    client_assertion: z.string().max(8_192).optional(),
  }),
  z.object({ grant_type: z.literal('session') }),
])

export const createToken = operation({
  method: 'POST',
  path: '/v1/auth/token',
  summary: 'Access tokens of ten minutes for a refresh token, a machine client, or a signed-in browser’s application',
  permission: 'public',
  body: 'raw',
  mediaTypes: ['application/x-www-form-urlencoded', 'application/json'],
  bodyBytesMax: 16_384,
  answers: {
    200: z.object({
      access_token: z.string(),
      token_type: z.literal('Bearer'),
      /** seconds */
      expires_in: z.number().int(),
      /** takes the place of the one that was sent; not for machines */
      refresh_token: z.string().optional(),
    }),
  },
  problems: ['grant-invalid', 'client-invalid', 'token-missing', 'cross-site-refused', 'tenant-suspended'],
})

/** Tokens, and the machines that get them. */
export const tokenOperations = [createToken, createMachineClient, listMachineClients, removeMachineClient]
