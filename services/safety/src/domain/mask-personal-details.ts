import { findPhoneNumbersInText } from 'libphonenumber-js'

export type MaskedText = { readonly text: string; readonly rules: ReadonlyMap<string, number> }

type Span = { readonly start: number; readonly end: number; readonly rule: string }

const mask: Readonly<Record<string, string>> = {
  'e-mail': '[e-mail]',
  'web-address': '[address]',
  'phone-number': '[phone]',
  'account-number': '[account]',
  'national-id': '[id]',
  handle: '[handle]',
}

/** Linear patterns: each repeats one bounded class of characters and is anchored by what surrounds it. */
const patterns: readonly [rule: string, pattern: RegExp][] = [
  ['e-mail', /[\p{L}\p{N}.!#$%&'*+/=?^_`{|}~-]{1,64}@[\p{L}\p{N}-]{1,63}(?:\.[\p{L}\p{N}-]{1,63}){1,8}/gu],
  ['web-address', /\b(?:https?:\/\/|www\.)[^\s<>"]{1,500}/giu],
  ['account-number', /\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?\b/g],
  ['account-number', /\b\d{4}[ -]\d{4}[ -]\d{4}[ -]\d{4}\b/g],
  ['national-id', /(?<!\d)\d{6} ?\d{5}(?!\d)/g],
  ['handle', /(?<![\p{L}\p{N}._%+-])@[\p{L}\p{N}_.]{2,30}/gu],
]

/** Replaces what identifies or reaches a person by what kind of thing it was. */
export function maskPersonalDetails(text: string): MaskedText {
  const spans = [...patternSpans(text), ...phoneSpans(text)].toSorted((a, b) => a.start - b.start || b.end - a.end)
  const rules = new Map<string, number>()
  let masked = ''
  let read = 0
  for (const { start, end, rule } of spans) {
    if (start < read) continue
    masked += text.slice(read, start) + (mask[rule] ?? '[masked]')
    read = end
    rules.set(rule, (rules.get(rule) ?? 0) + 1)
  }
  return { text: masked + text.slice(read), rules }
}

function patternSpans(text: string): Span[] {
  return patterns.flatMap(([rule, pattern]) =>
    [...text.matchAll(pattern)].map((match) => ({ rule, start: match.index, end: match.index + match[0].length })),
  )
}

/** National numbers are read as Norwegian ones: where the programmes of this backbone began. */
function phoneSpans(text: string): Span[] {
  if (!/\d[\d\s().-]{5,}\d/.test(text)) return []
  return findPhoneNumbersInText(text, { defaultCountry: 'NO', extended: false }).map(({ startsAt, endsAt }) => ({
    rule: 'phone-number',
    start: startsAt,
    end: endsAt,
  }))
}
