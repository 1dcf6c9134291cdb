import { request } from 'undici'
import { runLoad } from './http-load.ts'
import { expectOnly, measured, median, perSecond, processorNote, type BenchRow, type Measured } from './measured.ts'

const connections = 64
const warmUpSeconds = 3
const seconds = 10
const rounds = 3
const ratioGoal = 0.5

/** Profiles read through one gateway. */
export type Reader = {
  readonly gateway: string
  readonly query: string
  /** used in turn; none where nobody is asked for one */
  readonly tokens: readonly string[]
  readonly pids: Readonly<Record<string, number>>
}

type Comparison = {
  readonly name: string
  readonly ids: readonly string[]
  readonly ours: Reader
  readonly twin: Reader
  readonly note: (text: string) => void
}

/** Reads the same profiles through both, in turns; the row is the round with the middle ratio. */
export async function compareReads({ name, ids, ours, twin, note }: Comparison): Promise<BenchRow> {
  const oursRuns: Measured[] = []
  const twinRuns: Measured[] = []
  for (let round = 0; round < rounds; round += 1) {
    twinRuns.push(await readMany(twin, ids))
    oursRuns.push(await readMany(ours, ids))
    const [bare, own] = [twinRuns, oursRuns].map((runs) => perSecond(runs[round] as Measured).toFixed(0))
    note(`round ${round + 1}: twin ${bare}/s, ours ${own}/s`)
  }
  const ratios = oursRuns.map((run, index) => perSecond(run) / perSecond(twinRuns[index] ?? run))
  const ratio = median(ratios)
  const middle = oursRuns[ratios.indexOf(ratio)] as Measured
  const bare = twinRuns[ratios.indexOf(ratio)] as Measured
  return {
    name,
    unit: 'requests/s',
    ours: perSecond(middle),
    bare: perSecond(bare),
    ratio,
    ...{ p50Ms: middle.p50Ms, p95Ms: middle.p95Ms, p99Ms: middle.p99Ms },
    goal: `ratio >= ${ratioGoal}`,
    met: ratio >= ratioGoal,
    notes: [processorNote('ours', middle), processorNote('twin', bare), gatewayNote(middle, bare)],
  }
}

/** A rate shares the machine with service, database and generator; this is the gateways alone. */
function gatewayNote(ours: Measured, twin: Measured): string {
  const [own, bare] = [ours, twin].map(({ processorUs }) => processorUs['gateway'] ?? Number.NaN) as [number, number]
  return `processor time of the gateways alone: the twin's is ${Math.round((bare / own) * 100)} % of ours`
}

/** The twin knows only whom it was told of. */
export async function tellTwin(gateway: string, ids: readonly string[]): Promise<void> {
  for (const id of ids) await request(`${gateway}/v1/profiles/${id}`, { method: 'PUT' }).then(({ body }) => body.dump())
}

async function readMany({ gateway, tokens, query, pids }: Reader, ids: readonly string[]): Promise<Measured> {
  if (ids.length === 0) throw new Error('there is nobody to read')
  const { host } = new URL(gateway)
  const requests = ids.map((id, index) => {
    const token = tokens[index % tokens.length]
    const authorization = token === undefined ? '' : `authorization: Bearer ${token}\r\n`
    return Buffer.from(`GET /v1/profiles/${id}${query} HTTP/1.1\r\nhost: ${host}\r\n${authorization}\r\n`)
  })
  let used = 0
  const next = () => requests[used++ % requests.length] ?? null
  expectOnly(200, 'profile read, warm-up', await runLoad({ url: gateway, connections, seconds: warmUpSeconds, next }))
  const result = await measured(pids, () => runLoad({ url: gateway, connections, seconds, next }))
  expectOnly(200, 'profile read', result)
  return result
}
