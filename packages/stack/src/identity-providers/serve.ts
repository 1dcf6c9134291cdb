import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type Provider from 'oidc-provider'
import { directoryTemplate, localIssuers } from './addresses.ts'
import { choosePage } from './choose-page.ts'
import { demoPeople, subjectOf, type LocalProvider } from './demo-people.ts'
import { createLocalProvider, underIssuer, type LocalProviderOptions } from './local-provider.ts'

type Request = IncomingMessage & { originalUrl?: string }

const titles = { google: 'Sign in with Google (local)', azure: 'Sign in with Microsoft Entra (local)' } as const
const formBytesMax = 10_000
/** Words that stand for every directory. */
const shared = new Set(['common', 'organizations'])

/** Serves both providers on the loopback interface; `port` 0 takes a free one. Resolves when they answer. */
export async function serveIdentityProviders(
  options: Omit<LocalProviderOptions, 'origin'> & { readonly port: number },
): Promise<AsyncDisposable & { readonly origin: string }> {
  const server = createServer()
  server.listen(options.port, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const origin = `http://127.0.0.1:${typeof address === 'object' ? address?.port : options.port}`
  const providers = {
    google: createLocalProvider('google', { ...options, origin }),
    azure: createLocalProvider('azure', { ...options, origin }),
  }
  server.on('request', (request: Request, response) => {
    void answer(request, response, { origin, providers }).catch(() => end(response, 400, 'This sign-in cannot go on.'))
  })
  return {
    origin,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

type Served = { readonly origin: string; readonly providers: Readonly<Record<LocalProvider, Provider>> }

async function answer(request: Request, response: ServerResponse, served: Served): Promise<void> {
  const { origin, providers } = served
  const { pathname } = new URL(request.url ?? '/', origin)
  // another host name is another site that was pointed here
  if (request.headers.host !== new URL(origin).host) return end(response, 404, 'Not found')
  if (pathname === '/health/readiness') return end(response, 200, 'ready')
  const choosing = /^\/(google|azure)\/choose\/[A-Za-z0-9_-]+$/.exec(pathname)?.[1] as LocalProvider | undefined
  if (choosing !== undefined) return await choose(request, response, { kind: choosing, provider: providers[choosing] })
  const place = placeOf(pathname, origin)
  if (place === null) return end(response, 404, 'Not found')
  const query = (request.url ?? '').slice(pathname.length)
  request.originalUrl = place.mount + place.within + query
  request.url = place.within + query
  underIssuer(place.issuer, () => void providers[place.kind].callback()(request, response))
}

type Place = {
  readonly kind: LocalProvider
  readonly mount: string
  /** what the provider itself calls the path */
  readonly within: string
  /** the issuer it speaks for there */
  readonly issuer: string
}

function placeOf(path: string, origin: string): Place | null {
  const issuers = localIssuers(origin)
  const [, google] = /^\/google(\/.*)$/.exec(path) ?? []
  if (google !== undefined) return { kind: 'google', mount: '/google', within: google, issuer: issuers.google }
  const [, directory, rest] = /^\/azure\/([a-z0-9-]{1,40})(\/.*)$/.exec(path) ?? []
  if (directory === undefined || rest === undefined) return null
  // Entra's discovery document stands below the version, its endpoints beside it
  const within = rest.replace(/^\/v2\.0(?=\/\.well-known\/)/, '')
  const issuer = issuers.azure(shared.has(directory) ? directoryTemplate : directory)
  return { kind: 'azure', mount: `/azure/${directory}`, within, issuer }
}

async function choose(
  request: Request,
  response: ServerResponse,
  { kind, provider }: { readonly kind: LocalProvider; readonly provider: Provider },
): Promise<void> {
  const people = demoPeople.filter((person) => person.provider === kind)
  await provider.interactionDetails(request, response)
  if (request.method !== 'POST') return end(response, 200, choosePage(titles[kind], people))
  const login = new URLSearchParams(await readForm(request)).get('login')
  const person = people.find(({ email }) => email === login)
  if (person === undefined) return end(response, 400, choosePage(titles[kind], people))
  const chosen = { login: { accountId: subjectOf(person) }, select_account: {} }
  await provider.interactionFinished(request, response, chosen, { mergeWithLastSubmission: false })
}

async function readForm(request: IncomingMessage): Promise<string> {
  let form = ''
  for await (const chunk of request) {
    form += String(chunk)
    if (form.length > formBytesMax) throw new Error('the form is too large')
  }
  return form
}

function end(response: ServerResponse, status: number, page: string): void {
  if (response.headersSent) return
  const headers = {
    'content-type': page.startsWith('<') ? 'text/html; charset=utf-8' : 'text/plain; charset=utf-8',
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
    'cache-control': 'no-store',
  }
  response.writeHead(status, headers).end(page)
}
