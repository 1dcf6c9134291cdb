import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Parser } from '@asyncapi/parser'
import { catalog } from '@csr/contracts/events/catalog'
import { isPublished, operations } from '@csr/contracts/http/operations'
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
