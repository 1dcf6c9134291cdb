/** A Kintell `session.completed` body with every field; parts of `data` and the envelope can be replaced. */
export function kintellSession(
  data: Record<string, unknown> = {},
  envelope: Record<string, unknown> = {},
): Record<string, unknown> {
  return {
    type: 'session.completed',
    timestamp: '2026-11-20T10:05:00.000Z',
    data: {
      sessionId: 'session-1',
      sessionType: 'language',
      participant: {
        email: 'participant-1@example.org',
        name: 'Participant One',
        phone: '+47 400 00 001',
        externalId: 'kin-1',
      },
      volunteer: { email: 'volunteer-1@example.org', name: 'Volunteer One' },
      scheduledAt: '2026-11-20T09:00:00Z',
      completedAt: '2026-11-20T11:00:00+01:00',
      durationMinutes: 60,
      rating: 0.75,
      feedbackText: 'I feel more confident speaking now',
      languageLevel: 'B1',
      topics: ['work', 'daily life'],
      programme: 'Language Connect',
      ...data,
    },
    ...envelope,
  }
}
