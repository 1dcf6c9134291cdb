import { PostgresUnavailable } from '@csr/postgres/errors'

/** A dependency is down, slow or full: not an attempt. The consumer keeps the message and tries again until it works. */
export class RetryLater extends Error {
  override readonly name = 'RetryLater'
}

/** This message can never be processed; it becomes a dead letter at once. `code` says why, in kebab-case, without values. */
export class Unprocessable extends Error {
  override readonly name = 'Unprocessable'
  readonly code: string
  constructor(code: string, options?: ErrorOptions) {
    super(`Unprocessable: ${code}`, options)
    this.code = code
  }
}

/** The handler did not end within its deadline. */
export class HandlerTooSlow extends Error {
  override readonly name = 'HandlerTooSlow'
  readonly code = 'handler-too-slow'
}

/** Whether an error means "later": our own wish, or the database or the key store being away. */
export function isLater(error: unknown): boolean {
  if (error instanceof RetryLater || error instanceof PostgresUnavailable) return true
  return error instanceof Error && error.name === 'KeyringUnavailable'
}

/** A short code for an error, fit for a dead letter: never its message, which may carry values. */
export function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown'
  const { sqlstate, code, constraint } = error as { sqlstate?: unknown; code?: unknown; constraint?: unknown }
  const words = [error.name, sqlstate ?? code, constraint].filter((word) => typeof word === 'string')
  return words.join(':').slice(0, 100)
}
