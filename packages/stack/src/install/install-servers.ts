import { execFileSync } from 'node:child_process'
import { postgresRunner } from '../servers/postgres-program.ts'
import { Refusal } from '../refusal.ts'
import { installNatsServer } from './nats-server.ts'
import { errorOutputOf } from './output-of.ts'

/** Run by the bootstrap before commands that need servers: PostgreSQL runs here, and a nats-server is at hand. */
try {
  if (!process.env['DATABASE_URL'] || !process.env['KEYS_DATABASE_URL']) checkPostgres()
  if (!process.env['NATS_URL']) await installNatsServer({ onProgress: (line) => process.stderr.write(`${line}\n`) })
} catch (error) {
  if (!(error instanceof Refusal)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exitCode = error.exitCode
}

function checkPostgres(): void {
  const { command, args, env } = postgresRunner('/nonexistent').program('postgres', ['--version'])
  try {
    execFileSync(command, args, { env, stdio: 'pipe' })
  } catch (error) {
    const said = errorOutputOf(error).trim()
    throw new Refusal(
      `PostgreSQL does not run on this system: ${said || String(error)}\n` +
        'Remove node_modules and run this again; where its programs do not fit the system, give servers of your own by ' +
        'DATABASE_URL and KEYS_DATABASE_URL.',
      { cause: error },
    )
  }
}
