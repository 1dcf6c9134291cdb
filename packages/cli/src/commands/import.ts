import { createReadStream, statSync } from 'node:fs'
import { Readable } from 'node:stream'
import { createImport, importStatus, listImportRows, type ImportStatus } from '@csr/contracts/http/ingest'
import { importSchemaNames, type ImportSchemaName } from '@csr/contracts/imports/schemas'
import { createCommand } from '@csr/stack/command-line'
import { createCompanyClient, type CompanyClient } from '@csr/stack/company-client'
import { followImport } from '@csr/stack/follow-import'
import { postBytes } from '@csr/stack/post-bytes'
import { Refusal } from '@csr/stack/refusal'
import { Option, type Command } from 'commander'
import { checkFile, problemsShown, type RowProblem } from '../check-file.ts'
import { createImportProgress, type ImportProgress } from '../import-progress.ts'
import { openStack, printResult, withStackOptions, type StackOptions } from '../result.ts'
import { tenantOf } from '../tokens.ts'

type ImportOptions = StackOptions & {
  readonly tenant?: string
  readonly schema?: ImportSchemaName
  readonly dryRun?: boolean
}

const examples = `
Rows that cannot be accepted are kept in quarantine with every reason; the import goes on without them and ends with
code 0. --dry-run needs no stack, sends nothing, and ends with code 1 where a row is misshapen.

Examples:
  csr import sessions.csv
  csr import matches.csv --schema buddy.match@1.0 --dry-run`

export function create(): Command {
  return withStackOptions(createCommand('csr import'))
    .description('Imports a CSV file of a partner and follows it to its end.')
    .argument('<file>', 'the file')
    .addOption(new Option('--schema <name>', 'what the file is (recognised by its header)').choices(importSchemaNames))
    .option('--tenant <id>', 'whose file it is (the demo tenant)')
    .option('--dry-run', 'check header and rows here and send nothing')
    .addHelpText('after', examples)
    .action(importOrCheck)
}

async function importOrCheck(file: string, options: ImportOptions): Promise<void> {
  const bytes = sizeOf(file)
  if (options.dryRun === true) return await check(file, options)
  const stack = openStack(options)
  const ending = new AbortController()
  process.once('SIGINT', () => ending.abort(new Refusal('Stopped. What has arrived whole is worked off all the same.')))
  const company = createCompanyClient(stack.gateway, tenantOf(stack, options.tenant), ending.signal)
  const progress = createImportProgress()
  const ended = await upload(company, { file, bytes, schema: options.schema }, progress)
    .then((started) => followImport(company, started, (status) => progress.at('rows', status.progress, counts(status))))
    .finally(() => progress.end())
  const problems = ended.rows.quarantined > 0 ? await firstProblems(company, ended) : []
  printResult(
    options,
    { ...ended, problems },
    [`${ended.state}: ${counts(ended)}`, ...problems.map(inWords)].join('\n'),
  )
  if (ended.state === 'failed') throw new Refusal('The import failed.')
}

async function check(file: string, options: ImportOptions): Promise<void> {
  const checked = await checkFile(file, options.schema)
  const { total, misshapen } = checked.rows
  const words = `${checked.schema}: ${total} rows, ${misshapen} misshapen; nothing was sent`
  printResult(options, checked, [words, ...checked.problems.map(inWords)].join('\n'))
  if (misshapen > 0) process.exitCode = 1
}

function sizeOf(file: string): number {
  try {
    return statSync(file).size
  } catch (error) {
    throw new Refusal(`${file} cannot be read (${(error as NodeJS.ErrnoException).code}).`, { exitCode: 2 })
  }
}

type Upload = { readonly file: string; readonly bytes: number; readonly schema: ImportSchemaName | undefined }

async function upload(company: CompanyClient, { file, bytes, schema }: Upload, progress: ImportProgress) {
  const url = new URL(createImport.path, company.gatewayUrl)
  if (schema !== undefined) url.searchParams.set('schema', schema)
  const headers = { 'content-type': 'text/csv', authorization: `Bearer ${await company.token()}` }
  let sent = 0
  async function* counted() {
    for await (const chunk of createReadStream(file) as AsyncIterable<Uint8Array>) {
      yield chunk
      sent += chunk.length
      progress.at('upload', bytes === 0 ? 1 : sent / bytes)
    }
  }
  const body = Readable.toWeb(Readable.from(counted())) as ReadableStream<Uint8Array>
  return importStatus.parse(await postBytes(url.href, headers, body, uploadWithinMs))
}

const uploadWithinMs = 30 * 60_000

/** The first rows that were not accepted; the list begins with the last row, so very long ones show their end. */
async function firstProblems(company: CompanyClient, { id, rows }: ImportStatus): Promise<RowProblem[]> {
  const input = { params: { id }, query: { status: 'quarantined' } }
  const items =
    rows.quarantined <= readWholeUpTo
      ? await company.all(listImportRows, input)
      : (await company.ask(listImportRows, { ...input, query: { ...input.query, limit: problemsShown } })).items
  return items
    .toSorted((a, b) => a.row - b.row)
    .slice(0, problemsShown)
    .map(({ row, reasons }) => ({ row, reasons }))
}

const readWholeUpTo = 2_000

const counts = ({ rows: { total, accepted, duplicate, quarantined } }: ImportStatus): string =>
  `${total} rows, ${accepted} accepted, ${duplicate} duplicate, ${quarantined} quarantined`

const inWords = ({ row, reasons }: RowProblem): string =>
  `  row ${row}: ${reasons.map(({ column, message }) => `${column} ${message}`.trim()).join('; ')}`
