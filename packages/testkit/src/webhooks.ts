import { createHmac } from 'node:crypto'

export type WebhookToSign = {
  /** `whsec_` and base64 */
  readonly secret: string
  readonly id: string
  /** Unix seconds */
  readonly timestamp: number
  readonly body: string | Uint8Array
}

/** The headers of a signed webhook: `v1,<base64 HMAC-SHA-256>` over `id.timestamp.body` (Standard Webhooks). */
export function sign({ secret, id, timestamp, body }: WebhookToSign) {
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64')
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest('base64')
  return {
    'content-type': 'application/json',
    'webhook-id': id,
    'webhook-timestamp': String(timestamp),
    'webhook-signature': `v1,${signature}`,
  }
}
