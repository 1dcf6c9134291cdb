import { PostgresUnavailable } from '@csr/postgres/errors'
import { KeyringUnavailable } from './errors.ts'

/** Below the 2 s that callers rely on; behind a slow flush an item would otherwise wait for two. */
const answerMs = 1_800

/** What the key store answers, or `KeyringUnavailable`: it is down, or did not answer in time. */
export async function answerInTime<Result>(work: Promise<Result>): Promise<Result> {
  const { promise, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new KeyringUnavailable('no answer in time')), answerMs)
  try {
    return await Promise.race([work, promise])
  } catch (error) {
    if (!(error instanceof PostgresUnavailable)) throw error
    throw new KeyringUnavailable('the key store does not answer', { cause: error })
  } finally {
    clearTimeout(timer)
  }
}
