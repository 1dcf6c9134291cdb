import { dataDirOption } from '@csr/stack/start-options'
import { readStackDocument, type StackDocument } from '@csr/stack/stack-document'
import type { Command } from 'commander'

export type StackOptions = { readonly dataDir: string; readonly json?: boolean }

/** Adds what every command has: which stack is meant, and whether a program reads the answer. */
export function withStackOptions(command: Command): Command {
  return command.addOption(dataDirOption()).option('--json', 'print the result as one JSON document')
}

/** The running stack a command talks to. Refused with exit code 3 where none runs. */
export function openStack(options: StackOptions): StackDocument {
  return readStackDocument(options.dataDir)
}

/** Prints a result on stdout: as JSON where asked for, else in the words given. */
export function printResult(options: StackOptions, result: unknown, inWords: string): void {
  process.stdout.write(`${options.json === true ? JSON.stringify(result) : inWords}\n`)
}

/** Rows in aligned columns under their titles; a line that says so where there are none. */
export function describeRows(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return 'none'
  const all = [titles, ...rows]
  const widths = titles.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)))
  return all
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
