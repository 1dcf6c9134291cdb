import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { isatty } from 'node:tty'
import { fileURLToPath } from 'node:url'
import picocolors from 'picocolors'
import { findBoundaryBreaks } from './check/boundaries.ts'
import { sourceFiles, type SourceFile } from './check/source-files.ts'
import { findStaleFiles } from './generate/stale.ts'

/** Colour is for terminals only. */
const pc = picocolors.createColors(isatty(1))

/** The result of one check: what it looked at, and what is wrong (nothing, where it passed). */
type Result = { readonly lookedAt: string; readonly problems: readonly string[] }

const root = fileURLToPath(new URL('../../..', import.meta.url)).replace(/\/$/, '')

/** Fewer files than this means that the check looked in the wrong place. */
const sourceFilesMin = 60

const checks: readonly [name: string, run: (files: readonly SourceFile[]) => Promise<Result>][] = [
  ['boundaries', boundaries],
  ['format', () => tool('oxfmt', ['--check', '.'])],
  ['lint', () => tool('oxlint', ['--type-aware', '--deny-warnings', '--format=unix'])],
  ['types', () => tool('tsc', ['-p', '.'])],
  ['generated', generated],
  ['unused code', () => tool('knip', ['--no-progress'])],
]

const files = sourceFiles(root)
let failed = 0
for (const [name, run] of checks) {
  const started = performance.now()
  const { lookedAt, problems } = await run(files)
  const seconds = ((performance.now() - started) / 1_000).toFixed(1)
  const mark = problems.length === 0 ? pc.green('✓') : pc.red('✗')
  process.stdout.write(`${mark} ${name.padEnd(12)} ${pc.dim(`${lookedAt}, ${seconds} s`)}\n`)
  for (const problem of problems) process.stdout.write(`  ${problem}\n`)
  if (problems.length > 0) failed += 1
}
process.stdout.write(failed === 0 ? 'check: all passed\n' : `check: ${failed} of ${checks.length} failed\n`)
process.exitCode = failed === 0 ? 0 : 1

async function boundaries(all: readonly SourceFile[]): Promise<Result> {
  const problems = findBoundaryBreaks(all).map(
    ({ path, line, rule, instead }) => `${path}:${line} ${rule} ${pc.dim(`(${instead})`)}`,
  )
  if (all.length < sourceFilesMin) problems.push(`saw only ${all.length} files, expected at least ${sourceFilesMin}`)
  return { lookedAt: `${all.length} files`, problems }
}

async function generated(): Promise<Result> {
  const { count, stale, broken } = await findStaleFiles(root)
  const problems = [...stale.map((path) => `${path} is stale: run npm run generate`), ...broken]
  return { lookedAt: `${count} files`, problems }
}

/** Runs a tool of the workspace; its output is the list of problems where it fails. */
async function tool(name: string, argumentList: readonly string[]): Promise<Result> {
  const program = `${root}/node_modules/.bin/${name}`
  if (!existsSync(program)) return { lookedAt: name, problems: [`${name} is not installed`] }
  const child = spawn(program, argumentList, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()))
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  const lines = output.trim().split('\n').filter(Boolean)
  return {
    lookedAt: `${name}, ${files.length} files`,
    problems: code === 0 ? [] : lines.length > 0 ? lines : [`${name} exited ${code}`],
  }
}
