import { watch } from 'node:fs'
import type { Service } from '@csr/contracts/services'
import { projectRoot } from './start-options.ts'

/** Editors write a file in several steps; the change counts when this long nothing came after it. */
const quietMs = 200

/**
 * Calls `changed` with the name of each program whose files changed: a service for its own folder, every service and the
 * keeper for packages and contracts.
 */
export function watchSources(services: readonly Service[], changed: (name: string) => void): void {
  const waiting = new Map<string, NodeJS.Timeout>()
  const note = (name: string): void => {
    clearTimeout(waiting.get(name))
    waiting.set(
      name,
      setTimeout(() => changed(name), quietMs),
    )
  }
  for (const service of services) follow(`services/${service}/src`, () => note(service))
  for (const folder of ['packages', 'contracts/src']) {
    follow(folder, () => [...services, 'keeper'].forEach(note))
  }
}

const source = /^(?!.*node_modules)(?!.*\btest\b).*\.(ts|json|csv)$/

function follow(folder: string, changed: () => void): void {
  watch(`${projectRoot}/${folder}`, { recursive: true }, (_, file) => {
    if (file !== null && source.test(file)) changed()
  })
}
