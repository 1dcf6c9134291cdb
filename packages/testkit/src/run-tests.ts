import { globSync } from 'node:fs'
import { join, relative } from 'node:path'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { endChildren, endHungFiles } from './hung-files.ts'
import { mergeResults } from './merged-results.ts'
import { startMigratedPostgres } from './postgres-server.ts'
import { prepareCluster } from './prepared-cluster.ts'
import { runBeside } from './run-beside.ts'
import { testSecrets } from './secrets.ts'

/*
 * `npm test [-- PATTERN …]`: Node's test runner over every test file, or over those whose path contains one of the patterns.
 * One PostgreSQL serves all files, each takes databases of its own in it; one summary closes stdout.
 *
 * Files that start whole stacks keep the processors busy, the others mostly wait: for a time-out, a disk, a server that
 * comes back. So the others run first, twice as many at once.
 */
const usage = `npm test [-- [--concurrency N] [PATTERN …]]

Runs every test file, or those whose path contains one of the patterns (for instance: keyring, e2e/, .db.test.ts):
first those that start no whole stack, 2 N (N is 2) at once, then those that do, N at once.
Each file also runs alone: node_modules/.bin/node --test <file>`

const root = fileURLToPath(new URL('../../..', import.meta.url))

const wholeStack = '.e2e.test.ts'

/** The longest of those first, so that little is left to do at the end; … */
const longest = ['survives-faults', 'samples', 'start-and-stop', 'two-replicas', 'rolling-operations', 'operator-']
/** … of the others the quick ones. */
const quickest = ['.test.ts', '.db.test.ts', '.nats.test.ts']

/** One test and one file may take this long; what hangs is ended and fails. */
const testMsMax = 240_000
const fileMsMax = 480_000

process.exitCode = await main(process.argv.slice(2))

async function main(args: string[]): Promise<number> {
  const options = readOptions(args)
  if (options === null) return 2
  const files = findFiles(options.patterns)
  if (files.length === 0) {
    say(`No test file matches ${options.patterns.join(', ')}.`)
    return 2
  }
  say(`${files.length} test files on servers of their own`)
  const stopping = stopRequest()
  await testSecrets()
  await prepareCluster()
  await using server = await startMigratedPostgres()
  if (stopping.signal.aborted) return 130
  process.env['CSR_TEST_POSTGRES'] = JSON.stringify({ port: server.port, passwords: server.passwords })
  const passed = await runFiles(files, options.concurrency, stopping.signal)
  if (stopping.signal.aborted) await endChildren(isTestFile)
  return stopping.signal.aborted ? 130 : passed ? 0 : 1
}

type Options = { readonly patterns: readonly string[]; readonly concurrency: number }

function readOptions(args: string[]): Options | null {
  try {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: {
        concurrency: { type: 'string', default: '2' },
        help: { type: 'boolean', default: false },
      },
    })
    const concurrency = Number(values.concurrency)
    if (values.help) {
      process.stdout.write(`${usage}\n`)
      process.exit(0)
    }
    if (!Number.isInteger(concurrency) || concurrency < 1) throw new TypeError('--concurrency is a number from 1')
    return { patterns: positionals, concurrency }
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${usage}\n`)
    return null
  }
}

function findFiles(patterns: readonly string[]): string[] {
  const folders = ['packages/*/test', 'services/*/test', 'contracts/test', 'load/test', 'e2e']
  const found = globSync(
    folders.map((folder) => `${folder}/**/*.test.ts`),
    { cwd: root, exclude: ['**/node_modules/**'] },
  )
  return found
    .filter((file) => patterns.length === 0 || patterns.some((pattern) => named(file, pattern)))
    .toSorted((a, b) => rank(a) - rank(b) || a.localeCompare(b))
    .map((file) => join(root, file))
}

function named(file: string, pattern: string): boolean {
  return file.includes(pattern) || file === relative(root, join(process.cwd(), pattern))
}

function rank(file: string): number {
  if (!startsStack(file)) return quickest.findLastIndex((suffix) => file.endsWith(suffix))
  const place = longest.findIndex((name) => file.includes(name))
  return quickest.length + (place < 0 ? longest.length : place)
}

function startsStack(file: string): boolean {
  return file.endsWith(wholeStack)
}

function runFiles(files: readonly string[], concurrency: number, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve, reject) => {
    let passed = true
    const start = (file: string) => {
      const results = run({ files: [file], signal, timeout: testMsMax, cwd: root })
      endHungFiles(results, { fileMsMax, say })
      results.on('test:fail', ({ todo }) => {
        if (todo === undefined || todo === false) passed = false
      })
      return results
    }
    const placesOf = (file: string): number => (startsStack(file) ? 2 : 1)
    const report = mergeResults(runBeside(files, { places: 2 * concurrency, placesOf, start, signal })).compose(spec)
    report.once('error', reject)
    report.once('end', () => resolve(passed))
    report.pipe(process.stdout, { end: false })
  })
}

/** Ctrl-C, SIGTERM and the end of whoever started this: the files under way are ended, then the servers. */
function stopRequest(): AbortController {
  const stopping = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stopping.abort())
  return stopping
}

/** Not the servers, which are children too. */
function isTestFile(commandLine: string): boolean {
  return commandLine.includes('.test.ts')
}

function say(line: string): void {
  process.stderr.write(`${line}\n`)
}
