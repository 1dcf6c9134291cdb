import { createHmac } from 'node:crypto'

export type SignedHeaders = {
  readonly 'webhook-id': string
  readonly 'webhook-timestamp': string
  readonly 'webhook-signature': string
}

/**
 * Signs as Standard Webhooks says: HMAC-SHA-256 over `id.timestamp.body` under the bytes behind `whsec_`, base64.
 * The timestamp is in Unix seconds.
 */
export function signWebhook(webhook: {
  id: string
  timestamp: number
  body: Uint8Array
  secret: string
}): SignedHeaders {
  const key = Buffer.from(webhook.secret.replace(/^whsec_/, ''), 'base64')
  const signature = createHmac('sha256', key)
    .update(`${webhook.id}.${webhook.timestamp}.`)
    .update(webhook.body)
    .digest('base64')
  return {
    'webhook-id': webhook.id,
    'webhook-timestamp': String(webhook.timestamp),
    'webhook-signature': `v1,${signature}`,
  }
}
