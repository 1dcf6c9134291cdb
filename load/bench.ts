import { writeFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { isatty } from 'node:tty'
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import picocolors from 'picocolors'
import { startBenchStack, type BenchStack } from './bench/bench-stack.ts'
import { eventLag } from './bench/event-lag.ts'
import { firewall } from './bench/firewall.ts'
import { gatewayOverhead } from './bench/gateway-overhead.ts'
import type { BenchRow, Cost } from './bench/measured.ts'
import { outboxToEffect } from './bench/outbox-to-effect.ts'
import { profileRead } from './bench/profile-read.ts'
import { relay } from './bench/relay.ts'
import { tenantFairness } from './bench/tenant-fairness.ts'
import { webhookAccept } from './bench/webhook-accept.ts'
import { webhookSustained } from './bench/webhook-sustained.ts'

/** Colour is for terminals only. */
const pc = picocolors.createColors(isatty(1))

type Note = (text: string) => void

const rows: Readonly<Record<string, (stack: BenchStack, note: Note) => Promise<BenchRow>>> = {
  'event-lag': eventLag,
  'profile-read': profileRead,
  'gateway-overhead': gatewayOverhead,
  'webhook-accept': webhookAccept,
  'webhook-sustained': webhookSustained,
  'tenant-fairness': tenantFairness,
  relay,
  'outbox-to-effect': outboxToEffect,
  firewall,
}

const command = new Command('npm run bench --')
  .description('Measures the system and a bare twin side by side in one run; ratios are what counts.')
  .option('--only <name>', `one row of: ${Object.keys(rows).join(', ')}`)
  .option('--json', 'one JSON document on stdout')
  .option('--save', 'write load/results/<row>.md')
  .option('--port-base <port>', 'first port of the system under test', '5200')
  .addHelpText('after', '\nExamples:\n  npm run bench -- --only profile-read\n  npm run bench -- --json > bench.json')

const options = command.parse().opts<{ only?: string; json?: boolean; save?: boolean; portBase: string }>()
if (options.only !== undefined && !(options.only in rows)) command.error(`unknown row ${options.only}`, { exitCode: 2 })

const note: Note = (text) => void process.stderr.write(`${pc.dim(text)}\n`)
const done: BenchRow[] = []
{
  await using stack = await startBenchStack(Number(options.portBase), note)
  for (const [name, measure] of Object.entries(rows)) {
    if (options.only !== undefined && options.only !== name) continue
    note(`measuring ${name}`)
    const row = await measure(stack, note)
    done.push(row)
    if (options.save) save(row)
  }
}
if (options.json) process.stdout.write(`${JSON.stringify({ rows: done }, null, 2)}\n`)
else for (const row of done) process.stdout.write(`${describe(row)}\n`)

function describe(row: BenchRow): string {
  const mark = row.met ? pc.green('✓') : pc.red('✗')
  const ratio = row.ratio === null ? '' : `${pc.bold(`${Math.round(row.ratio * 100)} %`)} of the twin, `
  const bare = row.bare === null ? '' : ` against ${row.bare.toFixed(0)}`
  const times = Object.entries({ p50: row.p50Ms, p95: row.p95Ms, p99: row.p99Ms })
  const latency = times.map(([name, ms]) => (ms === null ? '' : `, ${name} ${ms.toFixed(1)} ms`)).join('')
  return [
    `${mark} ${row.name.padEnd(18)} ${ratio}${row.ours.toFixed(0)}${bare} ${row.unit}${latency}`,
    `  ${pc.dim(`goal: ${row.goal}`)}`,
    ...row.notes.map((text) => `  ${pc.dim(text)}`),
    ...(row.costs ?? []).map((cost) => `  ${pc.dim(describeCost(cost))}`),
  ].join('\n')
}

function describeCost({ step, p50Us, p95Us }: Cost): string {
  return `${step.padEnd(50)} ${p50Us.toFixed(1).padStart(7)} µs at the median, ${p95Us.toFixed(1)} at p95`
}

function save(row: BenchRow): void {
  const machine = `${cpus().length} cores, ${Math.round(totalmem() / 1024 ** 3)} GiB, Node ${process.version}`
  const number = (value: number | null): string => (value === null ? '–' : value.toFixed(value < 10 ? 2 : 0))
  const text = [
    `# ${row.name}`,
    '',
    `Measured ${new Date().toISOString().slice(0, 10)} on ${machine}, system, twin and load generator on the same machine.`,
    'Machines differ and are noisy: the ratio is what counts.',
    '',
    '| ratio | ours | bare | unit | p50 ms | p95 ms | p99 ms | goal | met |',
    '|---|---|---|---|---|---|---|---|---|',
    `| ${number(row.ratio)} | ${number(row.ours)} | ${number(row.bare)} | ${row.unit} | ${number(row.p50Ms)} | ${number(row.p95Ms)} | ${number(row.p99Ms)} | ${row.goal} | ${row.met ? 'yes' : 'no'} |`,
    '',
    ...row.notes.map((line) => `- ${line}`),
    '',
    ...(row.costs ? costTable(row.costs) : []),
  ]
  writeFileSync(fileURLToPath(new URL(`results/${row.name}.md`, import.meta.url)), text.join('\n'))
}

function costTable(costs: readonly Cost[]): string[] {
  const lines = costs.map(({ step, p50Us, p95Us }) => `| ${step} | ${p50Us.toFixed(1)} | ${p95Us.toFixed(1)} |`)
  return ['| step, warm, in one process | p50 µs | p95 µs |', '|---|---|---|', ...lines, '']
}
