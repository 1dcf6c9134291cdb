import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { readStackDocument } from '@csr/stack/stack-document'
import { chromium, type BrowserContext, type Page } from 'playwright-core'

/*
 * The journey of sign-in in a real browser, by hand: it needs Chromium, which the tests do not, and a stack that runs.
 * It shows what no test over HTTP can: that a browser keeps `__Host-` cookies over plain loopback, sends them along when
 * it comes back from another site, and shows the pages.
 */
const { values } = parseArgs({
  options: {
    'data-dir': { type: 'string', default: '.data' },
    chromium: { type: 'string', default: '/usr/bin/chromium' },
  },
})
assert.ok(existsSync(values.chromium), `no Chromium at ${values.chromium}: install it, or name it with --chromium`)
const { gateway, demo } = readStackDocument(values['data-dir'])
const browser = await chromium.launch({
  executablePath: values.chromium,
  args: [
    ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'],
    ...['--disable-component-update', '--disable-sync'],
  ],
})
try {
  for (const provider of ['google', 'azure']) {
    const user = demo?.users.find((one) => one.provider === provider && one.role === 'company_admin')
    const context = await browser.newContext()
    await journey(context, provider, user?.email ?? '')
    await context.close()
  }
} finally {
  await browser.close()
}

async function journey(context: BrowserContext, provider: string, email: string): Promise<void> {
  const page = await context.newPage()
  await page.goto(`${gateway}/v1/auth/login/${provider}?return_to=/v1/me`)
  await page.click(`button[value="${email}"]`)
  await page.waitForURL(`${gateway}/v1/me`)
  const me = await readMe(page)
  assert.deepEqual(me.roles, ['company_admin'])
  const session = (await context.cookies(gateway)).find(({ name }) => name === '__Host-csr-session')
  assert.ok(session, 'the browser kept no session cookie')
  assert.deepEqual([session.secure, session.httpOnly, session.sameSite, session.path], [true, true, 'Lax', '/'])
  const readable = await page.evaluate('document.cookie')
  assert.equal(readable, '', 'a script can read a cookie')
  const signedOut = await page.evaluate(`
    fetch('/v1/auth/logout', { method: 'POST', headers: { 'x-csrf-token': ${JSON.stringify(me.csrfToken)} } })
      .then((answer) => answer.status)`)
  assert.equal(signedOut, 200)
  const after = await page.goto(`${gateway}/v1/me`)
  assert.equal(after?.status(), 401)
  process.stdout.write(`✓ ${provider}: ${email} signed in, was ${me.roles.join()}, signed out\n`)
}

async function readMe(page: Page): Promise<{ readonly roles: readonly string[]; readonly csrfToken: string }> {
  return JSON.parse((await page.textContent('body')) ?? '{}') as { roles: string[]; csrfToken: string }
}
