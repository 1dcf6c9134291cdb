import { rememberSamples } from './demo-tenant.ts'
import { runSamples, type SampleOptions } from './samples/run-samples.ts'
import type { SampleReport } from './samples/sample-result.ts'
import type { DemoDocument } from './stack-document.ts'

/**
 * Loads the samples of a stack that starts for the first time, and remembers that they are in. Cut off before, the next
 * start does it again: what was sent is known by its ids.
 */
export async function loadSamples(
  gatewayUrl: string,
  demo: DemoDocument,
  options: SampleOptions & { readonly stateFile: string },
): Promise<SampleReport> {
  const report = await runSamples(gatewayUrl, demo, options)
  rememberSamples(options.stateFile)
  return report
}
