import type { z } from 'zod'
import { findUnsafeValues, reasonsMax } from './find-unsafe-values.ts'
import type { Reason } from './translation.ts'

/** Reads a body by the partner's contract; a misshapen one comes back with every reason at once. */
export function parsePartnerBody<Schema extends z.ZodType>(
  body: unknown,
  contract: { readonly schema: Schema; readonly propertyNames: ReadonlySet<string> },
): Parsed<z.output<Schema>> {
  const unsafe = findUnsafeValues(body, contract.propertyNames)
  const parsed = contract.schema.safeParse(body)
  if (parsed.success && unsafe.length === 0) return { outcome: 'parsed', body: parsed.data }
  const shape = parsed.success ? [] : parsed.error.issues.map(toReason)
  return { outcome: 'misshapen', reasons: [...unsafe, ...shape].slice(0, reasonsMax) }
}

type Parsed<Body> =
  | { readonly outcome: 'parsed'; readonly body: Body }
  | { readonly outcome: 'misshapen'; readonly reasons: readonly Reason[] }

/** Paths of issues hold names of the contract and positions only, messages hold what was expected only. */
function toReason(issue: z.core.$ZodIssue): Reason {
  return { pointer: issue.path.map((step) => `/${String(step)}`).join(''), message: issue.message }
}
