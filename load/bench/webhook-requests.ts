import { createHmac, randomUUID } from 'node:crypto'
import type { RawRequest } from './http-load.ts'

export type WebhookTarget = { readonly url: string; readonly secret: string }

const filler = 'We talked about work and everyday life, practised new words, and planned the next meeting together. '

/** A Kintell session of about one kilobyte; texts are plainly synthetic. */
export function sessionBody(session: {
  id: string
  participant: string
  volunteer: string
  completedAt: string
  text?: string
}): string {
  const { id, participant, volunteer, completedAt, text } = session
  return JSON.stringify({
    type: 'session.completed',
    timestamp: completedAt,
    data: {
      sessionId: id,
      sessionType: 'language',
      participant: { email: participant, name: nameOf(participant) },
      volunteer: { email: volunteer, name: nameOf(volunteer) },
      scheduledAt: completedAt,
      completedAt,
      durationMinutes: 45,
      rating: 0.8,
      feedbackText: text ?? `I feel more confident when I speak. ${filler.repeat(5)}`,
      languageLevel: 'B1',
      topics: ['work', 'everyday life'],
      programme: 'Language Connect',
    },
  })
}

/** Everybody has one name, in whichever role: who is known does not change from session to session. */
function nameOf(email: string): string {
  return `Bench ${email.slice(0, email.indexOf('@'))}`
}

/** One signed request (Standard Webhooks), whole and ready to be written. */
export function signedRequest({ url, secret }: WebhookTarget, body: string, atSeconds: number): RawRequest {
  const { host, pathname } = new URL(url)
  const id = `msg_${randomUUID()}`
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64')
  const signature = createHmac('sha256', key).update(`${id}.${atSeconds}.${body}`).digest('base64')
  const head =
    `POST ${pathname} HTTP/1.1\r\nhost: ${host}\r\ncontent-type: application/json\r\nwebhook-id: ${id}\r\n` +
    `webhook-timestamp: ${atSeconds}\r\nwebhook-signature: v1,${signature}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n`
  return Buffer.from(head + body)
}

export const knownPeople = 2_000

/** `count` sessions of which 9 of 10 people are known: those below `knownPeople`. */
export function prepareSessions(target: WebhookTarget, count: number, run: string): RawRequest[] {
  const now = new Date()
  const atSeconds = Math.floor(now.getTime() / 1_000)
  return Array.from({ length: count }, (_, index) => {
    const newcomer = index % 5 === 0
    const participant = newcomer ? `new-${run}-${index}@example.org` : `known-${index % knownPeople}@example.org`
    const volunteer = `known-${(index * 7 + 1) % knownPeople}@example.org`
    const body = sessionBody({ id: `${run}-${index}`, participant, volunteer, completedAt: now.toISOString() })
    return signedRequest(target, body, atSeconds)
  })
}
