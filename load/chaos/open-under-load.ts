import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { removeFolder, startRigStack } from './rig-stack.ts'
import { openRig, type OpenRig } from './run-scenario.ts'

/**
 * A stack of its own with the rig's load on it, for a test: started, always from the same seed, in a folder that goes with
 * it. Without a number of `events` the load lasts until it is finished.
 */
export async function openUnderLoad(load: { perSecond: number; events?: number }): Promise<OpenRig> {
  const folder = mkdtempSync(join(tmpdir(), 'csr-under-load-'))
  await using opening = new AsyncDisposableStack()
  opening.defer(() => removeFolder(folder))
  const stack = opening.use(await startRigStack(join(folder, 'stack')))
  const silent = { atEnd: () => undefined, note: () => undefined }
  const options = { seed: 1, folder, links: null, events: 0, ...load, ...silent }
  const { rig, companies } = opening.use(await openRig(stack, options))
  rig.load.start()
  opening.defer(() => rig.load.finish())
  const opened = opening.move()
  return { rig, companies, [Symbol.asyncDispose]: () => opened.disposeAsync() }
}
