import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { screenText } from '../../src/domain/screen-text.ts'

test('ordinary feedback is allowed and passes unchanged, in three languages', () => {
  const texts = [
    'I feel more confident speaking at work, and our talks about interviews helped a lot.',
    'Jeg føler meg tryggere når jeg snakker norsk nå. Vi øvde på jobbintervju i 45 minutter.',
    'Я стала впевненіше говорити, і ми разом підготували резюме.',
    'My grade rose from 2 to 4 in 2025; SELECT your words carefully, said my mentor O’Brien.',
  ]
  for (const text of texts) assert.deepEqual(screenText(text), { verdict: 'allow', reasons: [], text, review: null })
})

test('P4: personal details are replaced before anything else reads the text', () => {
  const { verdict, text, reasons } = screenText(
    'Write to participant-1@example.org or call +47 22 22 22 22, see https://example.org/me, id 010190 12345, @some.handle',
  )
  assert.equal(verdict, 'mask')
  assert.equal(text, 'Write to [e-mail] or call [phone], see [address] id [id], [handle]')
  assert.deepEqual(new Set(reasons.map(({ category }) => category)), new Set(['pii_leak']))
})

test('self-harm and threats always reach a person, with the shortest due time', () => {
  for (const text of ['Some days I want to die.', 'Jeg vil dø', 'Я не хочу жити', 'he said I KNOW where you  live']) {
    const screening = screenText(text)
    assert.equal(screening.verdict, 'review', text)
    assert.equal(screening.text, null)
    assert.equal(screening.review?.urgency, 'immediate')
    assert.equal(screening.review?.dueHours, 4)
  }
})

test('self-harm beside spam is reviewed, not blocked unseen', () => {
  const screening = screenText('click here, I want to die')
  assert.equal(screening.verdict, 'review')
  assert.deepEqual(screening.review?.categories.toSorted(), ['self_harm', 'spam'])
})

test('hate and spam are blocked, profanity is noted and allowed', () => {
  assert.equal(screenText('go back to your country').verdict, 'block')
  assert.equal(screenText('Click here for free money').verdict, 'block')
  const rude = screenText('That was a fucking good session')
  assert.equal(rude.verdict, 'allow')
  assert.equal(rude.reasons[0]?.category, 'profanity')
})

test('invisible characters and letter case do not hide a phrase', () => {
  assert.equal(screenText('I want to DIE').verdict, 'review')
  assert.equal(screenText('I want\u200B to die').verdict, 'review')
  assert.equal(screenText('ｗａｎｔ ｔｏ ｄｉｅ').verdict, 'review')
})

test('no text breaks the screening, and what is masked holds no address any more', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 400 }), fc.emailAddress(), (around, email) => {
      const screening = screenText(`${around} ${email} ${around}`)
      if (screening.text !== null) assert.ok(!screening.text.includes(email))
    }),
  )
})
