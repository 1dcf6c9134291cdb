import { ProblemError } from './problem.ts'

/** Deepest nesting of a JSON body. */
export const jsonDepthMax = 32

const numberMax = Number.MAX_SAFE_INTEGER
const utf8 = new TextDecoder('utf-8', { fatal: true })

/**
 * Parses a JSON body. Malformed JSON or UTF-8 is `json-invalid`; well-formed content that is dangerous further on is
 * `body-invalid`: keys `__proto__` and `constructor`, numbers outside ±2^53, lone surrogates, NUL, nesting over 32.
 * Of duplicate keys the last counts.
 */
export function parseJson(bytes: Uint8Array): unknown {
  let value: unknown
  try {
    value = JSON.parse(utf8.decode(bytes))
  } catch {
    throw new ProblemError('json-invalid')
  }
  const fault = findFault(value, '', 1)
  if (fault) throw new ProblemError('body-invalid', { errors: [fault] })
  return value
}

type Fault = { readonly pointer: string; readonly detail: string }

function findFault(value: unknown, pointer: string, depth: number): Fault | null {
  if (typeof value === 'string') return textFault(value, pointer)
  if (typeof value === 'number') {
    const inRange = Number.isFinite(value) && Math.abs(value) <= numberMax
    return inRange ? null : { pointer, detail: 'is outside the range of exact numbers' }
  }
  if (value === null || typeof value !== 'object') return null
  if (depth > jsonDepthMax) return { pointer, detail: `is nested deeper than ${jsonDepthMax}` }
  return Array.isArray(value) ? arrayFault(value, pointer, depth) : objectFault(value, pointer, depth)
}

function arrayFault(items: readonly unknown[], pointer: string, depth: number): Fault | null {
  for (let index = 0; index < items.length; index += 1) {
    const fault = findFault(items[index], `${pointer}/${index}`, depth + 1)
    if (fault) return fault
  }
  return null
}

function objectFault(object: object, pointer: string, depth: number): Fault | null {
  for (const key of Object.keys(object)) {
    if (key === '__proto__' || key === 'constructor') return { pointer, detail: 'carries a key that is not allowed' }
    const keyFault = textFault(key, pointer)
    if (keyFault) return keyFault
    const fault = findFault((object as Record<string, unknown>)[key], `${pointer}/${escapeKey(key)}`, depth + 1)
    if (fault) return fault
  }
  return null
}

function textFault(text: string, pointer: string): Fault | null {
  return text.includes('\u0000') || !text.isWellFormed()
    ? { pointer, detail: 'carries NUL or half of a surrogate pair' }
    : null
}

/** RFC 6901, section 3. */
function escapeKey(key: string): string {
  return key.includes('~') || key.includes('/') ? key.replaceAll('~', '~0').replaceAll('/', '~1') : key
}
