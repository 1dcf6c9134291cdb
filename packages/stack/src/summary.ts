import { styleText } from 'node:util'
import type { StackDocument } from './stack-document.ts'

/** What runs where, in a few lines for a person. Colours only where asked for. */
export function describeStack(document: StackDocument, colours: boolean): string {
  const paint = (style: Parameters<typeof styleText>[0], text: string) =>
    colours ? styleText(style, text, { validateStream: false }) : text
  const rows = [
    ...Object.entries(document.services).map(([name, { url, pid }]) => [name, url, `pid ${pid}`]),
    ['postgres', hostOf(document.postgres.url), pidOf(document.postgres.pid)],
    ['nats', hostOf(document.nats.url), pidOf(document.nats.pid)],
    ['logs', document.logsDir, ''],
  ]
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => (row[column] ?? '').length)))
  const lines = rows.map(([name = '', place = '', pid = '']) =>
    `  ${paint('bold', name.padEnd(widths[0] ?? 0))}  ${place.padEnd(widths[1] ?? 0)}  ${paint('dim', pid)}`.trimEnd(),
  )
  return `\n${lines.join('\n')}\n${describeDemo(document, paint)}\n`
}

function describeDemo(document: StackDocument, paint: (style: 'bold' | 'dim', text: string) => string): string {
  const { demo } = document
  if (demo === null) return ''
  return [
    '',
    `  Demo tenant ${paint('bold', demo.tenantId)}. Try:`,
    `    ./csr token --tenant ${demo.tenantId} --role company_admin`,
    '    ./csr partners list',
    '    ./csr doctor',
    '',
  ].join('\n')
}

const pidOf = (pid: number | null) => (pid === null ? 'not ours' : `pid ${pid}`)

function hostOf(url: string): string {
  const { hostname, port } = new URL(url)
  return `${hostname}:${port}`
}
