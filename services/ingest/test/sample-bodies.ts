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

/** A Kintell `rating.created` body with every field. */
export function kintellRating(data: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    type: 'rating.created',
    timestamp: '2026-11-20T10:06:00Z',
    data: {
      ratingId: 'rating-1',
      sessionId: 'session-1',
      fromRole: 'volunteer',
      author: { email: 'volunteer-1@example.org', name: 'Volunteer One' },
      rating: 0.9,
      feedbackText: 'We laughed a lot and learned new words',
      createdAt: '2026-11-20T10:05:30Z',
      ...data,
    },
  }
}

/** A Buddy `feedback.submitted` body with every field. */
export function buddyFeedback(data: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    type: 'feedback.submitted',
    timestamp: '2026-11-20T10:07:00Z',
    data: {
      feedbackId: 'feedback-1',
      matchId: 'match-1',
      fromRole: 'participant',
      author: { email: 'participant-1@example.org', name: 'Participant One', externalId: 'bud-1' },
      rating: 0.8,
      feedbackText: 'I know my way around the city now',
      submittedAt: '2026-11-20',
      ...data,
    },
  }
}

/** An eCornell `course.completed` body with every field. */
export function ecornellCourse(body: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    event_type: 'course.completed',
    event_id: 'event-1',
    timestamp: '2026-11-20T10:08:00Z',
    user: { external_id: 'ec-1', email: 'participant-1@example.org', first_name: 'Participant', last_name: 'One' },
    course: { course_id: 'C-101', course_name: 'Project Work', course_url: 'https://courses.example.org/c-101' },
    progress: {
      status: 'completed',
      percent_complete: 100,
      started_at: '2026-10-01',
      completed_at: '2026-11-19T15:00:00Z',
    },
    certificate: {
      certificate_id: 'cert-1',
      certificate_url: 'https://certificates.example.org/cert-1',
      issued_at: '2026-11-20',
    },
    ...body,
  }
}
