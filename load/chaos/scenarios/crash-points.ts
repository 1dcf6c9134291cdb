import { join } from 'node:path'
import type { Service } from '@csr/contracts/services'
import { eventually } from '@csr/testkit/eventually'
import { launchOf, startByHand, type Launch } from '../faults/by-hand.ts'
import { killAtWrite, withoutStrace } from '../faults/strace.ts'
import type { Rig, Scenario } from '../scenario.ts'

/** What a process is doing while it is killed at its first, second, third … write, until it survives. */
type Work = {
  readonly name: string
  readonly service: Service
  /** done once the process is watched; resolves when its whole effect is there, whoever had it */
  readonly run: (rig: Rig) => Promise<void>
  /** before it is watched */
  readonly prepare?: (rig: Rig) => Promise<void>
}

const relayed = 20
/** A write that no work reaches is one of the next second's: whoever lives this long has survived. */
const pointsMax = 400

const works: readonly Work[] = [
  { name: 'one webhook, ingest', service: 'ingest', run: oneWebhook },
  { name: 'one webhook, profile', service: 'profile', run: oneWebhook },
  {
    name: `one relay batch of ${relayed}, ingest`,
    service: 'ingest',
    async prepare(rig) {
      rig.stack.signal('nats', 'SIGSTOP')
      await rig.load.burst(relayed)
    },
    async run(rig) {
      rig.stack.signal('nats', 'SIGCONT')
      await oneWebhook(rig)
    },
  },
]

/** Every place where a process can die between two writes, one after the other. */
export const crashPoints: Scenario = {
  name: 'crash-points',
  description: 'ingest, its relay and a consumer killed at every N-th write until they survive (needs strace)',
  perSecond: 1,
  events: 0,
  async run(rig) {
    await rig.load.rest()
    for (const work of works) await everyPoint(rig, work)
  },
}

/**
 * The supervisor sleeps meanwhile: it waits longer after each crash, and the rig starts the process anew at once.
 */
async function everyPoint(rig: Rig, { name, service, run, prepare }: Work): Promise<void> {
  const unavailable = withoutStrace()
  if (unavailable !== null) return rig.notRun(`crash points of ${name}`, unavailable)
  const { stack } = rig
  const pid = stack.pidOf(service)
  const launch = launchOf(pid)
  stack.signal('supervisor', 'SIGSTOP')
  let points = 0
  try {
    await stack.kill(service)
    for (let survived = false; !survived && points < pointsMax; points += 1) {
      survived = await atPoint(rig, launch, { service, nth: points + 1, run, prepare })
      rig.note(`${name}: ${survived ? 'survives' : 'killed at'} write ${points + 1}`)
    }
  } finally {
    stack.signal('supervisor', 'SIGCONT')
  }
  await stack.replaced(service, pid)
  await stack.ready(60_000)
  rig.require(`${name}: survives in the end`, points < pointsMax, `killed at ${points - 1} points`)
  await rig.suffer({ name: `crash points of ${name}: ${points - 1}`, inject: async () => async () => undefined })
}

type Point = Pick<Work, 'service' | 'run'> & { readonly nth: number; readonly prepare: Work['prepare'] }

/** Whether it was alive when the work was done. */
async function atPoint(rig: Rig, launch: Launch, { service, nth, run, prepare }: Point): Promise<boolean> {
  const port = Number(launch.env['PORT'])
  const log = join(rig.folder, `${service}-crashes.log`)
  const victim = await startByHand(launch, port, log)
  await prepare?.(rig)
  const watch = await killAtWrite(victim.pid, nth)
  const done = run(rig)
  const first = await Promise.race([done.then(() => 'done'), untilDead(victim.isAlive)])
  if (first === 'done' && victim.isAlive()) {
    await watch[Symbol.asyncDispose]()
    await victim[Symbol.asyncDispose]()
    return true
  }
  await watch[Symbol.asyncDispose]()
  await using _next = await startByHand(launch, port, log)
  await done
  return false
}

async function untilDead(isAlive: () => boolean): Promise<string> {
  await eventually(() => mustBeDead(isAlive), { withinMs: 150_000, what: 'the end of the process or of its work' })
  return 'dead'
}

function mustBeDead(isAlive: () => boolean): void {
  if (isAlive()) throw new Error('it lives')
}

async function oneWebhook(rig: Rig): Promise<void> {
  await rig.probe()
}
