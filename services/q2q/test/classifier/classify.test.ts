import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { classify } from '../../src/classifier/classify.ts'
import { recogniseLanguage } from '../../src/classifier/recognise-language.ts'

test('a text about gains is scored above the middle, with evidence', () => {
  const text = 'I feel more confident at work. We practised for a job interview and updated my CV. I made friends.'
  const result = classify(text)
  assert.ok(result)
  assert.equal(result.labels.confidenceIncrease, true)
  assert.equal(result.labels.confidenceDecrease, false)
  assert.equal(result.labels.belongingIncrease, true)
  assert.deepEqual(result.labels.employabilitySignals.toSorted(), ['interview_prep', 'resume_improvement'])
  assert.deepEqual(result.labels.riskCues, [])
  assert.ok((result.scores.confidence ?? 0) > 0.6)
  assert.equal(result.scores.languageLevel, null)
})

test('a text about losses is scored below the middle, with risk cues', () => {
  const result = classify("I feel lonely and anxious, and I want to quit the course. I didn't understand anything.")
  assert.ok(result)
  assert.deepEqual(result.labels.riskCues.toSorted(), ['anxiety', 'dropout_indication', 'isolation'])
  assert.equal(result.labels.languageComfort, 'low')
  assert.ok((result.scores.wellBeing ?? 1) < 0.4)
  assert.ok((result.scores.belonging ?? 1) < 0.5)
})

test('a negation turns a phrase round, and only inside its sentence', () => {
  assert.equal(classify('I am not very confident')?.labels.confidenceDecrease, true)
  assert.equal(classify('I am not very confident')?.labels.confidenceIncrease, false)
  assert.equal(classify('It was not. Confident now!')?.labels.confidenceIncrease, true)
  assert.deepEqual(classify('I am not anxious')?.labels.riskCues, [])
})

test('a text without any known phrase says nothing', () => {
  assert.equal(classify('We met on Tuesday at the library.'), null)
  assert.equal(classify(''), null)
})

test('every piece of evidence is verbatim, inside the text, and scores stay within 0 and 1', () => {
  const phrase = fc.constantFrom(
    'more confident',
    'lonely',
    'not',
    'job interview',
    'happy',
    '😀',
    'не',
    '.',
    '\u0000',
    'a friend',
  )
  fc.assert(
    fc.property(fc.array(fc.oneof(phrase, fc.string()), { maxLength: 30 }), (parts) => {
      const text = parts.join(' ')
      const result = classify(text)
      assert.deepEqual(result, classify(text), 'the same text gives the same answer')
      for (const { start, end, text: quoted } of result?.evidence ?? []) {
        assert.ok(start >= 0 && start < end && end <= text.length)
        assert.equal(text.slice(start, end), quoted)
      }
      for (const score of Object.values(result?.scores ?? {})) {
        assert.ok(score === null || (score >= 0 && score <= 1))
      }
    }),
  )
})

test('English, Norwegian and Ukrainian feedback is told apart', () => {
  assert.equal(recogniseLanguage('The session helped me a lot and I feel more confident when I speak'), 'en')
  assert.equal(recogniseLanguage('Vi snakket mye norsk og jeg føler meg tryggere på jobben nå enn før'), 'no')
  assert.equal(recogniseLanguage('Ми багато розмовляли, і я почуваюся впевненіше на роботі'), 'uk')
})
