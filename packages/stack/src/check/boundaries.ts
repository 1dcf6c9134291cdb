import type { SourceFile } from './source-files.ts'

/** One broken rule: where, which, and the allowed way. */
export type Finding = { readonly path: string; readonly line: number; readonly rule: string; readonly instead: string }

type Import = { readonly from: string; readonly line: number; readonly typeOnly: boolean }

/** Checks imports, ambient state, purity of domains and names of all files. */
export function findBoundaryBreaks(files: readonly SourceFile[]): Finding[] {
  return files.flatMap((file) => [
    ...importBreaks(file),
    ...ambientBreaks(file),
    ...purityBreaks(file),
    ...nameBreaks(file),
    ...sizeBreaks(file),
  ])
}

/** Comments and the insides of strings become blanks, so that words in them are not taken for code. */
function codeOnly(text: string): string {
  const blank = (match: string): string => match.replace(/[^\n]/g, ' ')
  return text.replace(/\/\*[\s\S]*?\*\/|(?<![:'"`\\])\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"/g, blank)
}

export function importsOf(file: SourceFile): Import[] {
  const pattern =
    /^\s*(?:import|export)\s+(type\s)?(?:[^'"`;]*?\sfrom\s+)?['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/gm
  return [...file.text.matchAll(pattern)].map((match) => ({
    from: match[2] ?? match[3] ?? '',
    typeOnly: match[1] !== undefined,
    line: lineAt(file.text, (match.index ?? 0) + match[0].search(/\S/)),
  }))
}

function lineAt(text: string, index: number): number {
  return text.slice(0, index).split('\n').length
}

// --- imports: the table of DESIGN section 4 -------------------------------------------------------------------------

type Layer = { readonly rule: string; readonly instead: string; allows(from: string, typeOnly: boolean): boolean }

const cryptoOnly = 'node:crypto'
const pureLibraries = ['libphonenumber-js', 'tinyld', '@marcbachmann/cel-js', 'canonicalize']
const matches = (from: string, ...starts: string[]): boolean =>
  starts.some((start) => from === start || from.startsWith(`${start}/`))
const isRelativeTo = (from: string, folder: string): boolean => new RegExp(`^\\.\\.?/(?:.*/)?${folder}/`).test(from)
const isSibling = (from: string): boolean => /^\.\/[^/]+$/.test(from)

const layers: readonly [folder: string, Layer][] = [
  [
    'domain',
    {
      rule: 'domain imports only contracts, domain, one-shot node:crypto and pure libraries',
      instead: 'pass the value in, or move the code to store/, clients/ or routes/',
      allows: (from) =>
        from === cryptoOnly ||
        isSibling(from) ||
        isRelativeTo(from, 'domain') ||
        matches(from, '@csr/contracts', 'zod', ...pureLibraries),
    },
  ],
  [
    'store',
    {
      rule: 'store imports only contracts, domain, store, events, postgres, keyring, messaging outbox, runtime and drizzle',
      instead: 'let the route, consumer or job call both sides',
      allows: (from) =>
        isSibling(from) ||
        isRelativeTo(from, 'store') ||
        isRelativeTo(from, 'domain') ||
        from === '../events.ts' ||
        matches(
          from,
          '@csr/contracts',
          '@csr/postgres',
          '@csr/keyring',
          '@csr/messaging/outbox',
          '@csr/runtime',
          'drizzle-orm',
        ),
    },
  ],
  [
    'clients',
    {
      rule: 'clients import only contracts, domain types, clients, http, runtime and node',
      instead: 'let the route or consumer call both sides',
      allows: (from, typeOnly) =>
        isSibling(from) ||
        isRelativeTo(from, 'clients') ||
        (typeOnly && isRelativeTo(from, 'domain')) ||
        matches(from, '@csr/contracts', '@csr/http', '@csr/runtime') ||
        from.startsWith('node:'),
    },
  ],
  ...['routes', 'consumers', 'jobs'].map((folder): [string, Layer] => [
    folder,
    {
      rule: `${folder} import contracts, domain, events, types of stores and clients, http, messaging, runtime and their own mechanism`,
      instead: 'import the type only and take the value as a dependency',
      allows: (from, typeOnly) =>
        (typeOnly && (isRelativeTo(from, 'store') || isRelativeTo(from, 'clients') || matches(from, '@csr/keyring'))) ||
        (from.startsWith('.') && !isRelativeTo(from, 'store') && !isRelativeTo(from, 'clients')) ||
        matches(from, '@csr/contracts', '@csr/http', '@csr/messaging', '@csr/runtime', 'zod', '@fastify/multipart') ||
        from === 'node:stream' ||
        from === 'node:stream/promises',
    },
  ]),
]

function importBreaks(file: SourceFile): Finding[] {
  const found: Finding[] = []
  const service = /^services\/([^/]+)\/(src|test)\//.exec(file.path)
  const layer = layers.find(([folder]) => new RegExp(`^services/[^/]+/src/${folder}/`).test(file.path))?.[1]
  const isEvents = /^services\/[^/]+\/src\/events\.ts$/.test(file.path)
  for (const { from, line, typeOnly } of importsOf(file)) {
    const add = (rule: string, instead: string): void => void found.push({ path: file.path, line, rule, instead })
    if (from.startsWith('.') && !/\.(ts|json|mjs)$/.test(from)) add('imports carry their extension', 'write .ts')
    if (file.path.startsWith('contracts/src/') && !from.startsWith('.') && from !== 'zod')
      add('contracts import zod only', 'move what needs more into a package')
    if (service && importsAnotherService(from, file.path, service[1] ?? ''))
      add('no service imports a service', 'publish an event, or call a route through clients/')
    if (file.path.startsWith('packages/') && namesService(from))
      add('no package imports a service', 'take it as a dependency')
    if (layer && !layer.allows(from, typeOnly)) add(layer.rule, layer.instead)
    if (isEvents && !matches(from, '@csr/contracts') && !isRelativeTo(from, 'domain'))
      add('events.ts imports only contracts and domain', 'pass the value in')
  }
  return found
}

const serviceNames = ['gateway', 'profile', 'ingest', 'q2q', 'safety', 'privacy', 'audit']

function namesService(from: string): boolean {
  return serviceNames.some((name) => matches(from, `@csr/${name}`)) || /(^|\/)services\//.test(from)
}

function importsAnotherService(from: string, path: string, own: string): boolean {
  if (serviceNames.some((name) => name !== own && matches(from, `@csr/${name}`))) return true
  if (!from.startsWith('.')) return false
  const resolved = new URL(from, `file:///${path}`).pathname
  return resolved.startsWith('/services/') && !resolved.startsWith(`/services/${own}/`)
}

// --- ambient state --------------------------------------------------------------------------------------------------

const ambientPlaces = /^(packages\/(runtime|stack|cli|testkit)\/|load\/|e2e\/|.*\/main\.ts$|.*\/test\/)/
const ambient: readonly [RegExp, string, string][] = [
  [/\bprocess\./g, 'process appears only in runtime, stack, cli, testkit, load and main.ts', 'take it as a setting'],
  [/\bDate\.now\(/g, 'Date.now appears only in runtime, stack, cli, testkit, load and main.ts', 'use the clock port'],
  [
    /\bnew Date\(\)/g,
    'new Date() appears only in runtime, stack, cli, testkit, load and main.ts',
    'use the clock port',
  ],
  [/\bMath\.random\(/g, 'Math.random appears only in runtime, stack, cli, testkit and load', 'use the ids port'],
  [/\bconsole\./g, 'console appears only in runtime, stack, cli, testkit and load', 'use the logger'],
]

function ambientBreaks(file: SourceFile): Finding[] {
  if (ambientPlaces.test(file.path)) return []
  return ambient.flatMap(([pattern, rule, instead]) => occurrences(file, pattern, rule, instead))
}

// --- purity ---------------------------------------------------------------------------------------------------------

function purityBreaks(file: SourceFile): Finding[] {
  if (!/^services\/[^/]+\/src\/(domain\/|events\.ts$)/.test(file.path)) return []
  const instead = 'let the caller wait and pass the result in'
  return [
    ...occurrences(file, /\b(await|async)\b/g, 'nothing in domain/ waits', instead),
    ...occurrences(
      file,
      /\brandom(Bytes|UUID|Int)\b/g,
      'nothing in domain/ is random',
      'use the ids port in the caller',
    ),
  ]
}

function occurrences(file: SourceFile, pattern: RegExp, rule: string, instead: string): Finding[] {
  const code = codeOnly(file.text)
  return [...code.matchAll(pattern)].map((match) => ({
    path: file.path,
    line: lineAt(code, match.index),
    rule,
    instead,
  }))
}

// --- names and sizes ------------------------------------------------------------------------------------------------

const emptyNames = /(^|\/)(utils?|helpers?|common|shared|lib|misc|core|base|manager)(\/|\.[a-z]+$)|(^|\/)index\.ts$/
const sourceLinesMax = 300

function nameBreaks(file: SourceFile): Finding[] {
  const found: Finding[] = []
  const add = (rule: string, instead: string): void => void found.push({ path: file.path, line: 1, rule, instead })
  if (emptyNames.test(file.path)) add('the name says nothing', 'name it after what it does')
  if (!/^[a-z0-9./-]+$/.test(file.path)) add('files are named in kebab-case', 'rename the file')
  return found
}

function sizeBreaks(file: SourceFile): Finding[] {
  const lines = file.text.split('\n').length - 1
  if (lines <= sourceLinesMax || /(^|\/)(test|e2e)\//.test(file.path)) return []
  return [
    {
      path: file.path,
      line: lines,
      rule: `files have at most ${sourceLinesMax} lines`,
      instead: 'split it by what it does',
    },
  ]
}
