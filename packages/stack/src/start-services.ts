import { fileURLToPath } from 'node:url'
import type { Service } from '@csr/contracts/services'
import { nodeProgram } from './programs.ts'
import { processesOf } from './replicas.ts'
import { argumentsOf, keeperEnvironment, serviceEnvironment, type Surroundings } from './service-environment.ts'
import { projectRoot, type StartOptions } from './start-options.ts'
import type { Supervisor } from './supervisor.ts'

/** Starts the keeper and every replica of the services; resolves when their processes run. */
export async function startServices(
  existing: readonly Service[],
  around: Surroundings,
  { options, supervisor }: { readonly options: StartOptions; readonly supervisor: Supervisor },
): Promise<void> {
  const node = { command: process.execPath, cwd: projectRoot }
  const copies = around.natsEmbedded && options.natsNodes > 1 ? ['--replicas', String(options.natsNodes)] : []
  const keeper = { ...node, args: [keeperMain, 'streams', 'keep', ...copies], env: keeperEnvironment(around) }
  await Promise.all([
    supervisor.run(nodeProgram('keeper', 'keeper', keeper)),
    ...processesOf(existing, options.replicas).map(({ service, replica, name }) => {
      const launch = { ...node, args: argumentsOf(service), env: serviceEnvironment(service, around, replica) }
      return supervisor.run(nodeProgram(name, service, launch))
    }),
  ])
}

const keeperMain = fileURLToPath(new URL('../../cli/src/csr.ts', import.meta.url))
