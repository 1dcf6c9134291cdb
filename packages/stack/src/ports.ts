import { gatewayMetricsPortOffset, services, type Service } from '@csr/contracts/services'
import { identityProvidersPortOffset } from './identity-providers/addresses.ts'
import { Refusal } from './refusal.ts'
import { freePort, isPortFree } from './servers/ports.ts'
import { readJson, writeAtomically } from './write-atomically.ts'

/** Every port of one stack; all on the loopback interface. */
export type StackPorts = {
  /** by service, one for each replica */
  readonly services: Readonly<Record<Service, readonly number[]>>
  /** one for each replica of the gateway */
  readonly gatewayMetrics: readonly number[]
  readonly identityProviders: number
  readonly postgres: number
  /** what it tells of itself */
  readonly keeper: number
  /** one for each node */
  readonly nats: readonly NatsPorts[]
}

export type NatsPorts = { readonly client: number; readonly monitor: number; readonly routes: number }

/** The ports of further replicas stand this far above those of the replica before. */
const replicaPortOffset = 10

/**
 * The services' ports by their place in the list, those of the second replica ten above, and so on; refused with a way
 * out where one is taken.
 */
export async function servicePorts(
  portBase: number,
  replicas = 1,
): Promise<Pick<StackPorts, 'services' | 'gatewayMetrics' | 'identityProviders'>> {
  const bases = Array.from({ length: replicas }, (_, index) => portBase + index * replicaPortOffset)
  const ports = services.map((service, index) => [service, bases.map((base) => base + index)] as const)
  const metrics = bases.map((base) => base + gatewayMetricsPortOffset)
  const identityProviders = portBase + identityProvidersPortOffset
  const highest = Math.max(...metrics, identityProviders)
  if (highest > portMax) {
    throw new Refusal(`With ${replicas} replicas --port-base is ${portBase - (highest - portMax)} at most.`)
  }
  const others = [
    ["the gateway's metrics", metrics],
    ['the identity providers', [identityProviders]],
  ] as const
  for (const [user, taken] of [...ports, ...others]) {
    for (const port of taken) {
      if (unreachable.has(port))
        throw noPort(port, user, 'is one that browsers and fetch refuse to call: choose', portBase)
      if (!(await isPortFree(port)))
        throw noPort(port, user, 'is in use by another program: stop it, or choose', portBase)
    }
  }
  const byService = Object.fromEntries(ports) as unknown as StackPorts['services']
  return { services: byService, gatewayMetrics: metrics, identityProviders }
}

const portMax = 65_535

/** The "bad ports" of the Fetch standard that an ordinary user could listen on. */
const unreachable: ReadonlySet<number> = new Set([
  1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10_080,
])

function noPort(port: number, user: string, why: string, portBase: number): Refusal {
  const other = portBase >= 60_000 ? portBase - 1_000 : portBase + 1_000
  return new Refusal(`Port ${port} (${user}) ${why} other ports, for instance with --port-base ${other}.`)
}

/** The servers' ports: those of the last start where they are free, else new ones, remembered in `portsFile`. */
export async function serverPorts(
  portsFile: string,
  natsNodes = 1,
): Promise<Pick<StackPorts, 'postgres' | 'keeper' | 'nats'>> {
  const remembered = (readJson(portsFile) ?? {}) as Record<string, number>
  const taken = new Set<number>()
  async function portOf(name: string): Promise<number> {
    const before = remembered[name]
    let port = before !== undefined && (await isPortFree(before)) ? before : await freePort()
    while (taken.has(port)) port = await freePort()
    taken.add(port)
    remembered[name] = port
    return port
  }
  const postgres = await portOf('postgres')
  const keeper = await portOf('keeper')
  const nats: NatsPorts[] = []
  for (let node = 1; node <= natsNodes; node += 1) {
    const name = node === 1 ? 'nats' : `nats${node}`
    const [client, monitor] = [await portOf(name), await portOf(`${name}Monitor`)]
    nats.push({ client, monitor, routes: natsNodes === 1 ? 0 : await portOf(`${name}Routes`) })
  }
  writeAtomically(portsFile, JSON.stringify(remembered))
  return { postgres, keeper, nats }
}
