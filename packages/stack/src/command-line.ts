import { Command, CommanderError } from 'commander'
import { Refusal } from './refusal.ts'

/** A command whose errors come back to `runCommandLine` instead of ending the process; results go to stdout, all else to stderr. */
export function createCommand(name: string): Command {
  return new Command(name).exitOverride().showHelpAfterError('(--help says more)').helpCommand(false)
}

/**
 * Runs a command line to its exit code: 0 done, 1 refused or found wanting, 2 usage, 3 no stack.
 * The process ends by itself when nothing is left to do.
 */
export async function runCommandLine(command: Command, argv: readonly string[]): Promise<void> {
  try {
    await command.parseAsync(argv, { from: 'user' })
  } catch (error) {
    process.exitCode = explainError(error)
  }
}

function explainError(error: unknown): number {
  // Commander has printed its own message; help and version exit 0, everything else is usage.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
  if (error instanceof Refusal) {
    process.stderr.write(`${error.message}\n`)
    return error.exitCode
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
  process.stderr.write(`${text}\n`)
  return 1
}
