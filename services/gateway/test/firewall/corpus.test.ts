import assert from 'node:assert/strict'
import { test } from 'node:test'
import { noExclusions } from '../../src/firewall/exclusions.ts'
import { createFirewall } from '../../src/firewall/firewall.ts'
import { families, loadRules } from '../../src/firewall/rules.ts'
import { attacks, halfOf, harmless, type Sample } from './corpus.ts'
import { encodings } from './encodings.ts'

const { explainText } = createFirewall({
  ...{ rules: loadRules(), mode: 'block', exclusions: noExclusions },
  witness: () => undefined,
})
const isCaught = (text: string): boolean => explainText(text).reached.length > 0

const heldOut = (samples: readonly Sample[]): Sample[] => samples.filter(({ half }) => half === 'held-out')
const share = (part: number, whole: number): string => `${((100 * part) / whole).toFixed(1)} %`.padStart(7)

test('of attacks that no rule was made for at least 85 % are caught, plain, URL-encoded and in every other encoding', (t) => {
  const samples = heldOut(attacks)
  assert.ok(samples.length >= 350, `only ${samples.length} attacks`)
  t.diagnostic(
    ['caught of the held-out half'.padEnd(30), '  total', ...families.map((name) => name.padStart(9))].join(' '),
  )
  for (const [name, encode] of Object.entries(encodings)) {
    const caught = samples.filter(({ text }) => isCaught(encode(text)))
    const row = families.map((family) => {
      const of = samples.filter(({ group }) => group === family)
      return share(caught.filter(({ group }) => group === family).length, of.length).padStart(9)
    })
    t.diagnostic([name.padEnd(30), share(caught.length, samples.length), ...row].join(' '))
    assert.ok(caught.length >= 0.85 * samples.length, `${name}: ${share(caught.length, samples.length)}`)
  }
})

test('every family catches at least 80 % of its attacks, so that none is made up for by the others', () => {
  for (const family of families) {
    for (const name of ['plain', 'URL-encoded']) {
      const samples = heldOut(attacks).filter(({ group }) => group === family)
      const caught = samples.filter(({ text }) => isCaught(encodings[name]?.(text) ?? text))
      assert.ok(caught.length >= 0.8 * samples.length, `${family}, ${name}: ${share(caught.length, samples.length)}`)
    }
  }
})

test('of what people write in three scripts, code and mathematics included, at most 1 % is refused', (t) => {
  const samples = heldOut(harmless)
  assert.ok(samples.length >= 1_000, `only ${samples.length} texts`)
  const refused = samples.filter(({ text }) => isCaught(text))
  for (const kind of new Set(samples.map(({ group }) => group))) {
    const of = samples.filter(({ group }) => group === kind)
    const wrong = refused.filter(({ group }) => group === kind)
    t.diagnostic(`${kind.padEnd(14)} ${share(wrong.length, of.length)} of ${of.length} refused`)
  }
  assert.ok(refused.length <= 0.01 * samples.length, refused.map(({ text }) => text).join('\n'))
})

test('a text is in the same half whatever is added to the corpus, and neither half is a small one', () => {
  assert.equal(halfOf("' OR '1'='1"), halfOf("' OR '1'='1"))
  for (const samples of [attacks, harmless]) {
    const part = heldOut(samples).length / samples.length
    assert.ok(part > 0.4 && part < 0.6, String(part))
  }
})
