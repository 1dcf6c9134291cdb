import { createHash, generateKeyPairSync, randomBytes, sign as signBytes, type KeyObject } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Clock } from '@csr/runtime/clock'

type Members = Record<string, unknown>

/** What this provider does wrong; each is left out where it behaves. A member that becomes undefined is missing. */
export type Wrong = {
  readonly claims?: (claims: Members) => Members
  readonly header?: (header: Members) => Members
  /** the whole token, from the one that would be right */
  readonly token?: (right: string, tools: Tools) => unknown
  /** the key that signs, instead of the published one */
  readonly key?: KeyObject
  /** what the browser brings back, changed in place */
  readonly response?: (parameters: URLSearchParams) => void
  /** takes over a whole answer; true where it did */
  readonly answer?: (path: string, response: ServerResponse, request: IncomingMessage) => boolean
  readonly discovery?: (document: Members) => Members
  readonly tokenAnswer?: (answer: Members) => unknown
}

export type Tools = {
  readonly published: KeyPair
  readonly sign: (header: Members, claims: Members, key?: KeyObject) => string
  readonly claims: Members
  readonly header: Members
}

export type KeyPair = { readonly kid: string; readonly publicKey: KeyObject; readonly privateKey: KeyObject }

/** A provider on loopback that signs with keys it controls and does wrong what it is told to. */
export type MaliciousProvider = AsyncDisposable & {
  readonly origin: string
  readonly paths: string[]
  /** parameters of every authorization request that came */
  readonly asked: URLSearchParams[]
  wrong: Wrong
  /** keys in the key set; the first signs */
  keys: KeyPair[]
  /** the person who signs in */
  person: Members
  /** what a browser does at the provider: from an authorization address to the address it is sent back to */
  visit(authorizationAddress: string): string
  count(path: string): number
  forget(): void
}

export const clientId = 'csr-backbone-test'
export const clientSecret = 'development-0123456789abcdef'
export const directory = '0b0c6f2e-6f1b-4d6c-9a51-9f0a4f4f0a01'
export const otherDirectory = '0b0c6f2e-6f1b-4d6c-9a51-9f0a4f4f0a02'

export function makeKey(bits = 2_048): KeyPair {
  return { kid: randomBytes(6).toString('hex'), ...generateKeyPairSync('rsa', { modulusLength: bits }) }
}

type Code = { readonly parameters: URLSearchParams; readonly brand: 'google' | 'azure'; readonly tid: string }

export async function maliciousProvider(clock: Clock): Promise<MaliciousProvider> {
  const codes = new Map<string, Code>()
  const server = createServer((request, response) => void handle(request, response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const first = makeKey()

  const provider: MaliciousProvider = {
    ...{ origin, paths: [], asked: [], wrong: {}, keys: [first], person: {} },
    visit(address) {
      const url = new URL(address)
      provider.asked.push(url.searchParams)
      const brand = url.pathname.startsWith('/google') ? 'google' : 'azure'
      const code = randomBytes(16).toString('base64url')
      codes.set(code, { parameters: url.searchParams, brand, tid: url.pathname.split('/')[2] ?? '' })
      const back = new URL(url.searchParams.get('redirect_uri') ?? '')
      back.searchParams.set('code', code)
      back.searchParams.set('state', url.searchParams.get('state') ?? '')
      if (brand === 'google') back.searchParams.set('iss', `${origin}/google`)
      provider.wrong.response?.(back.searchParams)
      return back.href
    },
    count: (path) => provider.paths.filter((seen) => seen.includes(path)).length,
    forget() {
      provider.wrong = {}
      provider.paths.length = 0
      provider.asked.length = 0
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? ''
    provider.paths.push(path)
    const body = await read(request)
    if (provider.wrong.answer?.(path, response, request) === true) return
    const send = (status: number, value: unknown): void => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value))
    }
    if (path.endsWith('/.well-known/openid-configuration')) return send(200, discovery(path))
    if (path.endsWith('/keys')) return send(200, { keys: provider.keys.map(publicJwk) })
    if (path.endsWith('/token')) return send(...tokenAnswer(new URLSearchParams(body)))
    send(404, {})
  }

  function discovery(path: string): Members {
    const google = path.startsWith('/google')
    const tid = path.split('/')[2] ?? ''
    const place = google ? `${origin}/google` : `${origin}/azure/${tid}/v2.0`
    const document = {
      issuer: google || tid === directory ? place : `${origin}/azure/{tenantid}/v2.0`,
      authorization_endpoint: `${place}/authorize`,
      token_endpoint: `${place}/token`,
      jwks_uri: `${place}/keys`,
      ...(google ? { authorization_response_iss_parameter_supported: true } : {}),
      ...(google ? {} : { end_session_endpoint: `${place}/logout` }),
    }
    return provider.wrong.discovery?.(document) ?? document
  }

  function tokenAnswer(form: URLSearchParams): [number, unknown] {
    const code = codes.get(form.get('code') ?? '')
    codes.delete(form.get('code') ?? '')
    const challenge = createHash('sha256')
      .update(form.get('code_verifier') ?? '')
      .digest('base64url')
    const fits =
      code !== undefined &&
      code.parameters.get('code_challenge_method') === 'S256' &&
      code.parameters.get('code_challenge') === challenge &&
      code.parameters.get('redirect_uri') === form.get('redirect_uri') &&
      form.get('client_secret') === clientSecret
    if (!fits) return [400, { error: 'invalid_grant' }]
    const answer = { access_token: 'x', token_type: 'Bearer', expires_in: 3_600, id_token: idToken(code) }
    return [200, provider.wrong.tokenAnswer?.(answer) ?? answer]
  }

  function idToken(code: Code): unknown {
    const published = provider.keys[0] ?? first
    const now = Math.floor(clock.nowMs() / 1_000)
    const usual = {
      iss: code.brand === 'google' ? `${origin}/google` : `${origin}/azure/${directory}/v2.0`,
      ...{ aud: clientId, nonce: code.parameters.get('nonce'), iat: now, exp: now + 3_600, sub: 'person-1' },
      ...{ email: 'ada@company.example.org', name: 'Ada Example' },
      ...(code.brand === 'google'
        ? { azp: clientId, email_verified: true, hd: 'company.example.org' }
        : { tid: directory, oid: randomBytes(8).toString('hex'), preferred_username: 'ada@company.example.org' }),
      ...provider.person,
    }
    const claims = provider.wrong.claims?.(usual) ?? usual
    const rightHeader = { alg: 'RS256', typ: 'JWT', kid: published.kid }
    const header = provider.wrong.header?.(rightHeader) ?? rightHeader
    const sign: Tools['sign'] = (head, body, key = published.privateKey) => signRs256(head, body, key)
    const right = sign(header, claims, provider.wrong.key)
    return provider.wrong.token?.(right, { published, sign, claims, header }) ?? right
  }

  return provider
}

export const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')

function signRs256(header: Members, claims: Members, key: KeyObject): string {
  const signed = `${part(header)}.${part(claims)}`
  return `${signed}.${signBytes('sha256', Buffer.from(signed), key).toString('base64url')}`
}

export function publicJwk({ kid, publicKey }: KeyPair): Members {
  return { ...publicKey.export({ format: 'jwk' }), kid, use: 'sig', alg: 'RS256' }
}

async function read(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}
