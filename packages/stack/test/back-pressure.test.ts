import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const row = /^\| [^|]+ \| [^|]+ \| ([\d,]+)(?: (MB|ms))? \| `([^`]+)` `(\w+)` \|/gm

test('the bounds that the flow of back-pressure tells are those of the code', () => {
  const told = [...readFileSync(`${root}docs/flows/back-pressure.md`, 'utf8').matchAll(row)]
  assert.ok(told.length >= 15, `${told.length} rows`)
  for (const [, most = '', unit, file = '', name = ''] of told) {
    const wanted = Number(most.replaceAll(',', '')) * (unit === 'MB' ? 1_048_576 : 1)
    const source = readFileSync(`${root}${file}`, 'utf8')
    const values = [...source.matchAll(new RegExp(`\\b${name}\\b[^\\n\\d=]*(?:=|:|\\?\\?) ?([\\d_]+)`, 'g'))]
    const found = values.map(([, value = '']) => Number(value.replaceAll('_', '')))
    assert.ok(found.includes(wanted), `${file}: ${name} is ${found.join(', ') || 'not there'}, told as ${wanted}`)
  }
})
