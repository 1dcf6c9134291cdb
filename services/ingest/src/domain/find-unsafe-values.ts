import type { Reason } from './translation.ts'

/**
 * Finds what JSON allows and PostgreSQL or JavaScript does not keep faithfully: NUL, lone surrogates, numbers outside
 * ±2^53, property names that reach a prototype, and nesting deeper than 32.
 */
export function findUnsafeValues(value: unknown, knownNames: ReadonlySet<string>): Reason[] {
  const reasons: Reason[] = []
  visit(value, '', 1)
  return reasons

  function visit(node: unknown, pointer: string, depth: number): void {
    if (reasons.length >= reasonsMax) return
    if (typeof node === 'string') {
      const problem = problemOfText(node)
      if (problem) reasons.push({ pointer, message: problem })
    } else if (typeof node === 'number') {
      if (!(Math.abs(node) <= Number.MAX_SAFE_INTEGER)) reasons.push({ pointer, message: 'A number outside ±2^53' })
    } else if (typeof node === 'object' && node !== null) {
      if (depth > depthMax) reasons.push({ pointer, message: `Nested deeper than ${depthMax}` })
      else visitMembers(node, pointer, depth)
    }
  }

  function visitMembers(node: object, pointer: string, depth: number): void {
    for (const [name, member] of Object.entries(node)) {
      const at = `${pointer}/${Array.isArray(node) || knownNames.has(name) ? name : unknownName}`
      if (prototypeNames.has(name)) reasons.push({ pointer: at, message: 'A property name that is not allowed' })
      else if (!Array.isArray(node) && problemOfText(name))
        reasons.push({ pointer: at, message: 'A property name with NUL or a lone surrogate' })
      else visit(member, at, depth + 1)
    }
  }
}

/** Enough to mend a body by; a hostile one could have thousands. */
export const reasonsMax = 100
const depthMax = 32
/** Stands for a property name no schema knows: it may be personal data. */
const unknownName = '*'
const prototypeNames: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype'])

function problemOfText(text: string): string | null {
  if (text.includes('\0')) return 'Holds NUL'
  return text.isWellFormed() ? null : 'Holds a lone surrogate'
}
