import type { Scenario } from '../scenario.ts'
import { clock } from './clock.ts'
import { cluster } from './cluster.ts'
import { crashPoints } from './crash-points.ts'
import { diskFull } from './disk-full.ts'
import { kills } from './kills.ts'
import { longOutage } from './long-outage.ts'
import { lostStore } from './lost-store.ts'
import { natsOutage } from './nats-outage.ts'
import { network } from './network.ts'
import { pausedConsumer } from './paused-consumer.ts'
import { poison } from './poison.ts'
import { postgresOutage } from './postgres-outage.ts'
import { restarts } from './restarts.ts'
import { short } from './short.ts'

/** Everything that can be done to it, in the order of `--list` and of `long`. */
const all: readonly Scenario[] = [
  short,
  kills,
  crashPoints,
  natsOutage,
  postgresOutage,
  longOutage,
  lostStore,
  network,
  clock,
  poison,
  diskFull,
  pausedConsumer,
  restarts,
  cluster,
]

export const scenarios: ReadonlyMap<string, Scenario> = new Map(all.map((scenario) => [scenario.name, scenario]))
