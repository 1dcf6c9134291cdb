import { fileURLToPath } from 'node:url'
import type { Service } from '@csr/contracts/services'
import {
  identityProvidersEnvironment,
  identityProvidersMain,
  identityProvidersUrl,
} from './identity-providers/environment.ts'
import { nodeProgram } from './programs.ts'
import { processesOf } from './replicas.ts'
import {
  argumentsOf,
  keeperEnvironment,
  serviceEnvironment,
  serviceUrl,
  type Surroundings,
} from './service-environment.ts'
import { projectRoot, type StartOptions } from './start-options.ts'
import type { Supervisor } from './supervisor.ts'

/** Starts the keeper, every replica of the services and the local identity providers; resolves when their processes run. */
export async function startServices(
  existing: readonly Service[],
  around: Surroundings,
  { options, supervisor }: { readonly options: StartOptions; readonly supervisor: Supervisor },
): Promise<void> {
  const node = { command: process.execPath, cwd: projectRoot }
  const copies = around.natsEmbedded && options.natsNodes > 1 ? ['--replicas', String(options.natsNodes)] : []
  const listen = ['--listen', `127.0.0.1:${around.ports.keeper}`]
  const keeper = {
    ...node,
    args: [keeperMain, 'streams', 'keep', ...listen, ...copies],
    env: keeperEnvironment(around),
  }
  const identity = { ...node, args: [identityProvidersMain], env: identityProvidersEnvironment(around) }
  await Promise.all([
    supervisor.run(nodeProgram('keeper', 'keeper', keeper)),
    hasProviders(existing, around) && supervisor.run(nodeProgram(identityName, 'identity-providers', identity)),
    ...processesOf(existing, options.replicas).map(({ service, replica, name }) => {
      const launch = { ...node, args: argumentsOf(service), env: serviceEnvironment(service, around, replica) }
      return supervisor.run(nodeProgram(name, service, launch))
    }),
  ])
}

/** Where each process is asked whether it is ready, by its name. */
export function readinessUrls(
  existing: readonly Service[],
  around: Surroundings,
  replicas: number,
): ReadonlyMap<string, string> {
  const urls = new Map<string, string>()
  for (const { service, replica, name } of processesOf(existing, replicas)) {
    urls.set(name, serviceUrl(around.ports, service, replica))
  }
  if (hasProviders(existing, around)) urls.set(identityName, identityProvidersUrl(around))
  return urls
}

const identityName = 'identity-providers'

/** Local providers let anybody be anybody: there in development mode only. */
function hasProviders(existing: readonly Service[], { mode }: Surroundings): boolean {
  return mode === 'development' && existing.includes('gateway')
}

const keeperMain = fileURLToPath(new URL('../../cli/src/csr.ts', import.meta.url))
