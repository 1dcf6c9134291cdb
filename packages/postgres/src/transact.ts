import { isSaidByServer, PostgresRefused, PostgresUnavailable, translate } from './errors.ts'
import { setTenant, type Answer, type Lane, type Sending } from './lane.ts'
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
  return new Promise((resolve, reject) => {
    const rows: unknown[][] = []
    let settled = false

    function settle(): boolean {
      if (settled) return false
      clearTimeout(timer)
      return (settled = true)
    }

    function fail(error: Error, hasty: boolean): void {
      if (!settle()) return
      if (hasty) lane.destroy()
      else lane.end()
      reject(error)
    }

    function broken(error: unknown, text: string): void {
      const said = isSaidByServer(error)
      const committed = (said && text !== commitText) || !commitSent() ? 'no' : 'unknown'
      fail(translate(error, text, committed), !said)
    }

    function ended({ command }: Answer): void {
      if (command !== 'COMMIT') fail(endedOtherwise(command), false)
      else if (settle()) resolve(rows)
    }

    const sending = ({ text, values }: Encoded, answered: Sending['answered']): Sending => {
      return { text, values, answered, failed: (error) => broken(error, text) }
    }
    const timer = setTimeout(
      () => fail(new PostgresUnavailable('deadline', commitSent() ? 'unknown' : 'no'), true),
      transaction.remainingMs,
    )
    const commitSent = lane.send([
      ...opening(transaction).map((encoded) => sending(encoded, ignore)),
      ...transaction.statements.map((encoded) => sending(encoded, (answer) => rows.push(answer.rows))),
      sending(commit, ended),
    ])
  })
}

const ignore = (): void => undefined
const commitText = 'commit'
const commit: Encoded = { text: commitText, values: [] }
const begin: Encoded = { text: 'begin', values: [] }

function opening(transaction: Transaction): Encoded[] {
  const { tenantId, statementTimeoutMs } = transaction
  if (statementTimeoutMs !== null) {
    return [begin, { text: setTenantAndTimeout, values: [tenantId ?? '', String(statementTimeoutMs)] }]
  }
  return tenantId === null ? [begin] : [begin, { text: setTenant, values: [tenantId] }]
}

/** The transaction ended otherwise without an error of ours: a statement of the group itself ended it. */
function endedOtherwise(command: string): PostgresRefused {
  return new PostgresRefused({ sqlstate: '40000', statementText: commitText, named: `command tag ${command}` })
}
