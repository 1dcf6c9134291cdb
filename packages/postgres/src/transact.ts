import { isSaidByServer, PostgresRefused, PostgresUnavailable, translate } from './errors.ts'
import { setTenant, type Lane, type Sending } from './lane.ts'
import type { Encoded } from './values.ts'

export type Transaction = {
  /** null as the worker role, which has no tenant */
  readonly tenantId: string | null
  readonly statements: readonly Encoded[]
  /** how long the answer may take from now on */
  readonly remainingMs: number
  /** set where the caller allows more than the session's own limit */
  readonly statementTimeoutMs: number | null
}

const setTenantAndTimeout = `select set_config('app.tenant_id', $1, true), set_config('statement_timeout', $2, true)`

/**
 * Runs one transaction on a lane: everything is sent at once, and only the command tag COMMIT at its end is success (the
 * commit of a failed transaction answers ROLLBACK). On any error the lane is closed before the promise rejects.
 */
export function transact(lane: Lane, transaction: Transaction): Promise<unknown[][]> {
  const { statements } = transaction
  return new Promise((resolve, reject) => {
    const rows = Array.from<unknown[]>({ length: statements.length })
    let settled = false

    function fail(error: Error, hasty: boolean): void {
      if (settled) return
      settled = true
      clearTimeout(timer)
      if (hasty) lane.destroy()
      else lane.end()
      reject(error)
    }

    function broken(error: unknown, text: string): void {
      const before = isSaidByServer(error) && text !== commitText
      fail(translate(error, text, before || !commit.sent() ? 'no' : 'unknown'), !isSaidByServer(error))
    }

    const timer = setTimeout(
      () => fail(new PostgresUnavailable('deadline', commit.sent() ? 'unknown' : 'no'), true),
      transaction.remainingMs,
    )
    for (const opening of open(transaction)) {
      lane.send(opening.text, opening.values).answer.catch((error: unknown) => broken(error, opening.text))
    }
    for (const [index, { text, values }] of statements.entries()) {
      lane.send(text, values).answer.then(
        (answer) => (rows[index] = answer.rows),
        (error: unknown) => broken(error, text),
      )
    }
    const commit: Sending = lane.send(commitText)
    commit.answer.then(
      ({ command }) => {
        if (command !== 'COMMIT') return fail(rolledBack(command), false)
        if (settled) return
        settled = true
        clearTimeout(timer)
        resolve(rows)
      },
      (error: unknown) => broken(error, commitText),
    )
  })
}

const commitText = 'commit'

function open(transaction: Transaction): Encoded[] {
  const { tenantId, statementTimeoutMs } = transaction
  const begin = { text: 'begin', values: [] }
  if (statementTimeoutMs !== null) {
    return [begin, { text: setTenantAndTimeout, values: [tenantId ?? '', String(statementTimeoutMs)] }]
  }
  return tenantId === null ? [begin] : [begin, { text: setTenant, values: [tenantId] }]
}

/** The transaction ended otherwise without an error of ours: a statement of the group itself ended it. */
function rolledBack(command: string): PostgresRefused {
  return new PostgresRefused({ sqlstate: '40000', statementText: commitText, named: `command tag ${command}` })
}
