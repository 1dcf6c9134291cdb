import { request, type IncomingHttpHeaders } from 'node:http'

/** What a browser shows after a step. */
export type Page = {
  readonly url: string
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
}

/** A browser without a screen, for plain HTTP on this machine: it keeps cookies, follows redirects and presses buttons. */
export type Browser = {
  /** opens an address and follows redirects, at most 20 of them, until `until` says that this one is far enough */
  open(address: string, options?: { readonly until?: (url: URL) => boolean }): Promise<Page>
  /** posts the form of a page with the button of that value, and goes on as `open` does */
  press(page: Page, value: string, options?: { readonly until?: (url: URL) => boolean }): Promise<Page>
  /** a POST without a body, as a script of a page sends it */
  post(address: string, headers?: Readonly<Record<string, string>>): Promise<Page>
  /** the `Cookie` header for an address */
  cookies(address: string): string
}

type Cookie = { readonly name: string; readonly value: string; readonly host: string; readonly path: string }
type Step = {
  readonly url: URL
  readonly method: 'GET' | 'POST'
  readonly body?: string
  readonly headers?: Readonly<Record<string, string>>
}
type Answer = Omit<Page, 'url'>

const redirectsMax = 20

export function createBrowser({ localAddress }: { readonly localAddress?: string } = {}): Browser {
  const jar = createJar()

  async function take({ url, method, body, headers }: Step): Promise<Answer> {
    const cookie = jar.headerFor(url)
    const answer = await send(url, {
      method,
      localAddress,
      headers: {
        accept: 'text/html,application/json',
        ...(cookie !== '' && { cookie }),
        ...(method === 'POST' && { origin: url.origin }),
        ...headers,
        ...(body !== undefined && { 'content-type': 'application/x-www-form-urlencoded' }),
      },
      ...(body !== undefined && { body }),
    })
    jar.keep(url, answer.headers)
    return answer
  }

  async function go(first: Step, until: (url: URL) => boolean = () => false): Promise<Page> {
    let step = first
    for (let redirects = 0; redirects <= redirectsMax; redirects += 1) {
      const page = { url: step.url.href, ...(await take(step)) }
      const { location } = page.headers
      if (location === undefined || page.status < 300 || page.status >= 400) return page
      const next = new URL(location, step.url)
      if (until(next)) return { ...page, url: next.href }
      step = { url: next, method: 'GET' }
    }
    throw new Error(`more than ${redirectsMax} redirects from ${first.url.href}`)
  }

  return {
    open: (address, { until } = {}) => go({ url: new URL(address), method: 'GET' }, until),
    press(page, value, { until } = {}) {
      const { action, name } = buttonIn(page, value)
      return go({ url: action, method: 'POST', body: new URLSearchParams({ [name]: value }).toString() }, until)
    },
    post: async (address, headers = {}) => {
      const url = new URL(address)
      return { url: url.href, ...(await take({ url, method: 'POST', headers })) }
    },
    cookies: (address) => jar.headerFor(new URL(address)),
  }
}

type Sending = {
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  readonly localAddress: string | undefined
  readonly body?: string
}

function send(url: URL, { body, ...options }: Sending): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { ...options, signal: AbortSignal.timeout(answerWithinMs) }, (answer) => {
      const chunks: Buffer[] = []
      answer.on('data', (chunk: Buffer) => chunks.push(chunk))
      answer.once('error', reject)
      answer.once('end', () => {
        const text = Buffer.concat(chunks).toString('utf8')
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text })
      })
    })
    sent.once('error', reject)
    sent.end(body)
  })
}

const answerWithinMs = 20_000

/** Cookies belong to a host and a path (RFC 6265), not to a port. `Secure` ones are sent to loopback, as Chromium does. */
function createJar() {
  let jar: Cookie[] = []
  return {
    headerFor({ hostname, pathname }: URL): string {
      const sent = jar.filter(({ host, path }) => host === hostname && matches(pathname, path))
      return sent.map(({ name, value }) => `${name}=${value}`).join('; ')
    },
    keep(url: URL, headers: IncomingHttpHeaders): void {
      for (const set of headers['set-cookie'] ?? []) {
        const cookie = parseCookie(set, url)
        jar = jar.filter(({ name, host, path }) => name !== cookie.name || host !== cookie.host || path !== cookie.path)
        if (!cookie.gone) jar.push(cookie)
      }
    },
  }
}

function matches(pathname: string, path: string): boolean {
  return pathname === path || pathname.startsWith(path.endsWith('/') ? path : `${path}/`)
}

function parseCookie(set: string, url: URL): Cookie & { readonly gone: boolean } {
  const [pair = '', ...attributes] = set.split(';').map((text) => text.trim())
  const attribute = (name: string): string | undefined =>
    attributes.find((text) => text.toLowerCase().startsWith(`${name}=`))?.slice(name.length + 1)
  const expires = attribute('expires')
  const gone = attribute('max-age') === '0' || (expires !== undefined && Date.parse(expires) <= Date.now())
  const name = pair.slice(0, pair.indexOf('='))
  return { name, value: pair.slice(name.length + 1), host: url.hostname, path: attribute('path') ?? '/', gone }
}

function buttonIn({ url, text }: Page, value: string): { readonly action: URL; readonly name: string } {
  const form = /<form[^>]*\bmethod="post"[^>]*>/i.exec(text)?.[0]
  const button = [...text.matchAll(/<(?:button|input)[^>]*>/gi)].find(([tag]) => tag.includes(`value="${value}"`))?.[0]
  const name = /\bname="([^"]+)"/.exec(button ?? '')?.[1]
  if (form === undefined || name === undefined) throw new Error(`no form with a button ${value} at ${url}`)
  return { action: new URL(/\baction="([^"]+)"/.exec(form)?.[1] ?? url, url), name }
}
