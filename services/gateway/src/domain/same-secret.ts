import { timingSafeEqual } from 'node:crypto'

/** Compares in constant time; what has another length is another secret. */
export function isSameSecret(expected: string, given: string): boolean {
  const [one, other] = [Buffer.from(expected), Buffer.from(given)]
  return one.length === other.length && timingSafeEqual(one, other)
}
