import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Parser } from '@asyncapi/parser'
import { catalog } from '@csr/contracts/events/catalog'
import { isPublished, operations } from '@csr/contracts/http/operations'
import { problems, type ProblemCode } from '@csr/contracts/problems'
import { services } from '@csr/contracts/services'
import { compileErrors, validate } from '@readme/openapi-parser'

type OpenApi = Parameters<typeof validate>[0] & object
type Paths = { readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>> }

const generated = fileURLToPath(new URL('../../../contracts/generated/', import.meta.url))
/** What makes a document invalid; the rest is advice. */
type Diagnostic = { readonly severity: number; readonly message: string; readonly path: readonly (string | number)[] }
const errorsOf = (all: readonly Diagnostic[]): readonly Diagnostic[] => all.filter(({ severity }) => severity === 0)

const textOf = (name: string): string => readFileSync(`${generated}${name}`, 'utf8')
const openApi = (name: string): OpenApi & Paths => JSON.parse(textOf(`openapi/${name}.json`)) as OpenApi & Paths

test('each OpenAPI document is valid OpenAPI 3.1 and names every operation', async () => {
  const published = services.flatMap((service) => operations[service].filter(isPublished))
  const expected = [['merged', published] as const, ...services.map((name) => [name, operations[name]] as const)]
  for (const [name, wanted] of expected) {
    const result = await validate(structuredClone(openApi(name)))
    assert.ok(result.valid, `${name}: ${result.valid ? '' : compileErrors(result)}`)
    const named = Object.values(openApi(name).paths).flatMap((path) => Object.keys(path))
    assert.equal(named.length, wanted.length, name)
    assert.ok(named.length > 0, name)
  }
})

type Answer = { readonly $ref?: string; readonly headers?: Readonly<Record<string, unknown>> }
type Described = {
  readonly 'x-permission'?: string
  readonly security: readonly object[]
  readonly responses: Readonly<Record<string, Answer>>
}

test('what the gateway documents of an operation: its permission, its problems, and the headers of its limit', () => {
  const { paths, components } = openApi('merged') as Paths & {
    readonly components: { readonly responses: Readonly<Record<string, { readonly description: string }>> }
  }
  let seen = 0
  for (const { method, path, permission, limit, body } of services.flatMap((name) =>
    operations[name].filter(isPublished),
  )) {
    const what = `${method} ${path}`
    const described = paths[path.replace(/:([A-Za-z]+)/g, '{$1}')]?.[method.toLowerCase()] as Described
    const { responses } = described
    assert.equal(described['x-permission'], permission, what)
    assert.equal(described.security.length === 0, permission === 'public', what)
    const codes = [
      ...['internal', 'dependency-unavailable'],
      ...(limit === 'none' ? [] : ['rate-limited']),
      ...(permission === 'public' ? [] : ['token-invalid']),
      ...(permission === 'public' || permission === 'signed-in' ? [] : ['permission-denied']),
      ...(permission !== 'public' && method !== 'GET' ? ['cross-site-refused'] : []),
      ...(body === undefined ? [] : ['body-too-large', 'media-type-unsupported']),
      ...(typeof body === 'object' ? ['request-refused', 'body-invalid', 'json-invalid'] : []),
    ]
    for (const code of codes) {
      const status = problems[code as ProblemCode].status
      assert.equal(responses[status]?.$ref, `#/components/responses/Problem${status}`, `${what}: ${code}`)
      assert.ok(components.responses[`Problem${status}`]?.description.split(', ').includes(code), code)
    }
    for (const [status, { $ref, headers = {} }] of Object.entries(responses)) {
      if ($ref !== undefined) continue
      const expected = limit === 'none' ? [] : ['RateLimit-Policy', 'RateLimit']
      assert.deepEqual(Object.keys(headers), expected, `${what}: ${status}`)
    }
    seen += 1
  }
  assert.ok(seen >= 95, `saw only ${seen} operations`)
})

test('the validator of OpenAPI documents notices a fault', async () => {
  const { info: _, ...broken } = openApi('merged') as OpenApi & { info: unknown }
  assert.equal((await validate(broken as OpenApi)).valid, false)
})

test('the AsyncAPI document is valid AsyncAPI 3 and names every event', async () => {
  const { document, diagnostics } = await new Parser().parse(textOf('asyncapi.json'))
  const errors = errorsOf(diagnostics)
  assert.deepEqual(
    errors.map(({ message, path }) => `${path.join('/')}: ${message}`),
    [],
  )
  const addresses = document
    ?.channels()
    .all()
    .map((channel) => channel.address() ?? '')
  assert.deepEqual(addresses?.toSorted(), Object.keys(catalog).toSorted())
})

test('the validator of AsyncAPI documents notices a fault', async () => {
  const broken = textOf('asyncapi.json').replace('"action": "send"', '"action": "shout"')
  const { diagnostics } = await new Parser().parse(broken)
  assert.ok(errorsOf(diagnostics).length > 0)
})
