/** A partner's RFC 3339 time or plain day as RFC 3339 UTC with milliseconds; a day is that day, 00:00 UTC. */
export function toInstant(reported: string): string {
  return canonicalForm.test(reported) ? reported : new Date(reported).toISOString()
}

export function precisionOf(reported: string): 'instant' | 'day' {
  return reported.length === dayCharacters ? 'day' : 'instant'
}

const canonicalForm = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/
const dayCharacters = 10
