import type { KintellSession, KintellWebhook } from '@csr/contracts/partners/kintell'

/** A person as Kintell names one; `number` tells people apart. */
export function kintellPerson(role: 'participant' | 'volunteer', number: number): KintellSession['participant'] {
  return {
    email: `${role}-${number}@example.org`,
    name: `${role === 'participant' ? 'Participant' : 'Volunteer'} ${number}`,
  }
}

/** The body of a Kintell `session.completed` webhook: a language session of participant 1 and volunteer 1. */
export function kintellSessionCompleted(
  session: Partial<KintellSession> = {},
  timestamp = '2026-11-20T10:00:00Z',
): KintellWebhook {
  return {
    type: 'session.completed',
    timestamp,
    data: {
      sessionId: 'session-1',
      sessionType: 'language',
      participant: kintellPerson('participant', 1),
      volunteer: kintellPerson('volunteer', 1),
      scheduledAt: '2026-11-20T09:00:00Z',
      completedAt: '2026-11-20T09:45:00Z',
      durationMinutes: 45,
      rating: 0.75,
      feedbackText: 'I can order at the bakery now.',
      languageLevel: 'A2',
      topics: ['shopping'],
      ...session,
    },
  }
}
