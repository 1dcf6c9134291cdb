import { z } from 'zod'
import { operation } from './operation.ts'

/** A provider one can sign in with here, and where to go for it. */
export const authProvider = z.object({ name: z.string(), title: z.string(), loginPath: z.string() })
export type AuthProvider = z.infer<typeof authProvider>

const providerParams = z.object({ provider: z.string().max(40) })

export const listAuthProviders = operation({
  method: 'GET',
  path: '/v1/auth/providers',
  summary: 'Lists the providers one can sign in with',
  permission: 'public',
  answers: { 200: z.object({ items: z.array(authProvider) }) },
})

export const startSignIn = operation({
  method: 'GET',
  path: '/v1/auth/login/:provider',
  summary: 'Sends the browser to a provider to sign in, afterwards to `return_to`; `fresh=1` asks who is there anew',
  permission: 'public',
  limit: 'sign-in',
  params: providerParams,
  query: z.object({ return_to: z.string().max(500).optional(), fresh: z.enum(['0', '1']).default('0') }),
  answers: { 303: z.undefined() },
  problems: ['resource-not-found', 'parameter-invalid'],
})

/**
 * What a provider may send back (RFC 6749, 4.1.2; RFC 9207); what else it adds is ignored. A parameter that is too long or
 * there twice reads as empty: the sign-in is refused and recorded like any other.
 */
const once = (charactersMax: number) => z.string().max(charactersMax).optional().catch('')

export const completeSignIn = operation({
  method: 'GET',
  path: '/v1/auth/callback/:provider',
  summary: 'Where a provider sends the browser back to; opens a session and goes on to `return_to`',
  permission: 'public',
  params: providerParams,
  query: z.object({ code: once(4_096), state: once(200), iss: once(500), error: once(200) }),
  answers: { 303: z.undefined() },
  problems: ['resource-not-found', 'sign-in-refused'],
})

export const signInOperations = [listAuthProviders, startSignIn, completeSignIn]
