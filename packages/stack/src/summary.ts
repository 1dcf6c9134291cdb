import { dirname } from 'node:path'
import { describeSamples, painter, type Paint } from './describe-samples.ts'
import type { SampleReport } from './samples/sample-result.ts'
import { defaultDataDir } from './start-options.ts'
import { replicasByName, type StackDocument } from './stack-document.ts'

/** What runs where and what became of the samples, for a person. Colours only where asked for. */
export function describeStack(document: StackDocument, samples: SampleReport | null, colours: boolean): string {
  const paint = painter(colours)
  const rows = [
    ...Object.entries(replicasByName(document)).map(([name, { url, pid }]) => [name, url, `pid ${pid}`]),
    ['postgres', hostOf(document.postgres.url), pidOf(document.postgres.pid)],
    ...natsRows(document),
    ['logs', document.logsDir, ''],
  ]
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => (row[column] ?? '').length)))
  const lines = rows.map(([name = '', place = '', pid = '']) =>
    `  ${paint('bold', name.padEnd(widths[0] ?? 0))}  ${place.padEnd(widths[1] ?? 0)}  ${paint('dim', pid)}`.trimEnd(),
  )
  const told = samples === null ? '' : `\n${describeSamples(samples, colours)}`
  return `\n${lines.join('\n')}\n${told}${describeDemo(document, paint)}\n`
}

function describeDemo({ demo, gateway, logsDir }: StackDocument, paint: Paint): string {
  if (demo === null) return ''
  const dataDir = dirname(logsDir)
  const where = dataDir === defaultDataDir ? '' : ` --data-dir ${dataDir}`
  return [
    '',
    `  Demo tenant ${paint('bold', demo.tenantId)}. Try:`,
    `    ./csr samples${where}          ${paint('dim', '# sends it all again: nothing is there twice')}`,
    `    ./csr audit verify${where}`,
    `    curl -H "authorization: Bearer $(./csr token --role company_admin${where})" ${gateway}/v1/outcomes/summary`,
    '',
  ].join('\n')
}

function natsRows({ nats }: StackDocument): string[][] {
  if (nats.nodes.length === 0) return [['nats', hostOf(nats.url), pidOf(null)]]
  return nats.nodes.map(({ name, url, pid }) => [name, hostOf(url), pidOf(pid)])
}

const pidOf = (pid: number | null) => (pid === null ? 'not ours' : `pid ${pid}`)

function hostOf(url: string): string {
  const { hostname, port } = new URL(url)
  return `${hostname}:${port}`
}
