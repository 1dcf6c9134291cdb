import { createToken, tokenRequest } from '@csr/contracts/http/tokens'
import { parseJson } from '@csr/http/json'
import { ProblemError } from '@csr/http/problem'
import { route, type Route, type RouteRequest } from '@csr/http/route'
import type { z } from 'zod'
import type { Tokens } from '../tokens/grant-tokens.ts'

type Asked = z.infer<typeof tokenRequest>
type ClientCredentials = Extract<Asked, { grant_type: 'client_credentials' }>

/** OAuth's names inside, problem documents outside; parameters as a form (RFC 6749) or as JSON. */
export function createTokenRoute({ tokens }: { readonly tokens: Tokens }): Route {
  return route({
    ...createToken,
    async handle({ body, headers, requestId }) {
      const asked = tokenRequest.safeParse(parametersOf(body, headers['content-type'] ?? ''))
      if (!asked.success) throw new ProblemError('grant-invalid')
      const granted = await grant(tokens, asked.data, { headers, requestId })
      return {
        status: 200,
        body: {
          access_token: granted.access.token,
          token_type: 'Bearer' as const,
          expires_in: granted.expiresInSeconds,
          ...(granted.refreshToken !== null && { refresh_token: granted.refreshToken }),
        },
        headers: { 'cache-control': 'no-store' },
      }
    },
  })
}

type Request = Pick<RouteRequest, 'headers' | 'requestId'>

async function grant(tokens: Tokens, asked: Asked, { headers, requestId }: Request) {
  if (asked.grant_type === 'refresh_token') {
    const refreshed = await tokens.refresh(asked.refresh_token, requestId)
    if (!refreshed) throw new ProblemError('grant-invalid')
    return refreshed
  }
  if (asked.grant_type === 'session') {
    const opened = await tokens.forApplication({ headers, requestId })
    if (!opened) throw new ProblemError('token-missing')
    return opened
  }
  const machine = await tokens.forMachine(credentialsOf(asked, headers.authorization))
  if (!machine) throw new ProblemError('client-invalid')
  return machine
}

/** A secret in the body or in the header (RFC 6749, section 2.3.1), or an assertion; never two at once. */
function credentialsOf(asked: ClientCredentials, authorization: string | undefined) {
  const { client_id, client_secret, client_assertion, client_assertion_type } = asked
  const basic = /^Basic ([A-Za-z0-9+/=]{1,600})$/i.exec(authorization ?? '')?.[1]
  const given = [client_secret, client_assertion, authorization].filter((value) => value !== undefined)
  if (given.length !== 1) throw new ProblemError('client-invalid')
  if (client_assertion !== undefined) {
    if (client_assertion_type === undefined) throw new ProblemError('client-invalid')
    return { clientId: client_id ?? null, assertion: client_assertion } as const
  }
  if (client_secret !== undefined) return { clientId: client_id ?? '', secret: client_secret } as const
  const [id = '', secret = ''] = Buffer.from(basic ?? '', 'base64')
    .toString()
    .split(':')
  return { clientId: id, secret } as const
}

/** A parameter that is there twice is not there (RFC 6749, section 3.2). */
function parametersOf(body: Buffer, contentType: string): unknown {
  if (contentType.toLowerCase().startsWith('application/json')) return parseJson(body)
  const parameters: Record<string, string | undefined> = {}
  const seen = new URLSearchParams(body.toString())
  for (const name of new Set(seen.keys())) {
    const values = seen.getAll(name)
    if (Object.hasOwn(tokenParameters, name) && values.length === 1) parameters[name] = values[0]
  }
  return parameters
}

const tokenParameters = {
  ...{ grant_type: true, refresh_token: true, client_id: true, client_secret: true },
  ...{ client_assertion: true, client_assertion_type: true },
}
