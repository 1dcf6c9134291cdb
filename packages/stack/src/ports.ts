import { gatewayMetricsPortOffset, services, type Service } from '@csr/contracts/services'
import { Refusal } from './refusal.ts'
import { freePort, isPortFree } from './servers/ports.ts'
import { readJson, writeAtomically } from './write-atomically.ts'

/** Every port of one stack; all on the loopback interface. */
export type StackPorts = {
  readonly services: Readonly<Record<Service, number>>
  readonly gatewayMetrics: number
  readonly postgres: number
  readonly nats: number
  readonly natsMonitor: number
}

/** The services' ports by their place in the list, refused with a way out where one is taken. */
export async function servicePorts(portBase: number): Promise<Pick<StackPorts, 'services' | 'gatewayMetrics'>> {
  const ports = services.map((service, index) => [service, portBase + index] as const)
  const metrics = portBase + gatewayMetricsPortOffset
  for (const [user, port] of [...ports, ["the gateway's metrics", metrics] as const]) {
    if (await isPortFree(port)) continue
    const other = portBase >= 60_000 ? portBase - 1_000 : portBase + 1_000
    throw new Refusal(
      `Port ${port} (${user}) is in use by another program. ` +
        `Stop that program, or choose other ports, for instance with --port-base ${other}.`,
    )
  }
  return { services: Object.fromEntries(ports) as Record<Service, number>, gatewayMetrics: metrics }
}

/** The servers' ports: those of the last start where they are free, else new ones, remembered in `portsFile`. */
export async function serverPorts(portsFile: string): Promise<Pick<StackPorts, 'postgres' | 'nats' | 'natsMonitor'>> {
  const last = (readJson(portsFile) ?? {}) as Partial<Record<string, number>>
  const taken = new Set<number>()
  const ports = { postgres: 0, nats: 0, natsMonitor: 0 }
  for (const name of ['postgres', 'nats', 'natsMonitor'] as const) {
    const before = last[name]
    let port = before !== undefined && (await isPortFree(before)) ? before : await freePort()
    while (taken.has(port)) port = await freePort()
    taken.add(port)
    ports[name] = port
  }
  writeAtomically(portsFile, JSON.stringify(ports))
  return ports
}
