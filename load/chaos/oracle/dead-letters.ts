import type { DeadLetterRow, ExpectedDeadLetter } from './effects.ts'
import type { Finding } from './evidence.ts'

/** Those that were asked for are there, once each, and no other is. */
export function compareDeadLetters(
  letters: readonly DeadLetterRow[],
  expected: readonly ExpectedDeadLetter[],
): Finding[] {
  const keyOf = ({ consumer, eventId }: ExpectedDeadLetter): string => `${eventId} of ${consumer}`
  const wanted = new Set(expected.map(keyOf))
  const there = letters.map(keyOf)
  return [
    ...letters
      .filter((letter) => !wanted.has(keyOf(letter)))
      .map((letter) => finding('dead-lettered', `${keyOf(letter)}: ${letter.reason}`)),
    ...there
      .filter((key, place) => wanted.has(key) && there.indexOf(key) !== place)
      .map((key) => finding('duplicated', `the dead letter ${key}`)),
    ...[...wanted].filter((key) => !there.includes(key)).map((key) => finding('lost', `the dead letter ${key}`)),
  ]
}

function finding(verdict: Finding['verdict'], detail: string): Finding {
  return { verdict, report: null, detail }
}
