import { z } from 'zod'
import { operation } from './operation.ts'

export const firewallFamily = z.enum(['sql', 'nosql', 'xss', 'path', 'command', 'template', 'ssrf', 'protocol'])

/** A text by itself, or the JSON body of a request to a route. */
export const explanationRequest = z.strictObject({
  content: z.string().min(1).max(262_144),
  /** method and path, the pattern or an address that fits it */
  route: z.strictObject({ method: z.string().max(10), path: z.string().min(1).max(500) }).optional(),
})

/** One field: its score per family, and the rules that were met with what met them. */
export const explainedField = z.object({
  /** a JSON pointer with `*` for items; empty for a text by itself */
  field: z.string(),
  /** false where the schema of the route leaves no room for free text */
  screened: z.boolean(),
  scores: z.array(z.object({ family: firewallFamily, score: z.number(), threshold: z.number() })),
  rules: z.array(
    z.object({
      id: z.string(),
      family: firewallFamily,
      weight: z.number(),
      reason: z.string(),
      /** how the text was read when the rule was met */
      reading: z.string(),
      /** what met the rule, with every escape taken off */
      excerpt: z.string(),
      /** true where an exclusion covers it, so that it does not count */
      excluded: z.boolean(),
    }),
  ),
})

/** `refuse`: a request with this content is answered `request-refused`. `observe`: it would be, but only counts are kept. */
export const firewallExplanation = z.object({
  mode: z.enum(['block', 'observe']),
  decision: z.enum(['pass', 'observe', 'refuse']),
  fields: z.array(explainedField),
})
export type FirewallExplanation = z.infer<typeof firewallExplanation>

export const createFirewallExplanation = operation({
  method: 'POST',
  path: '/v1/firewall/explanations',
  summary: 'Says what the firewall does with a content, and why; the content is neither kept nor refused',
  permission: 'platform:operate',
  changesNothing: true,
  body: explanationRequest,
  answers: { 200: firewallExplanation },
  problems: ['json-invalid', 'resource-not-found'],
})
