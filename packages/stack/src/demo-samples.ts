import { rememberSamples, samplesAreLoaded } from './demo-tenant.ts'
import { readSamples, runSamples, type SampleOptions } from './samples/run-samples.ts'
import type { SampleReport } from './samples/sample-result.ts'
import type { DemoDocument } from './stack-document.ts'

/**
 * The samples of a stack that starts: loaded once, at the first start that comes to the end of it. A later start only
 * reads what has become of them.
 */
export async function loadSamplesOnce(
  gatewayUrl: string,
  demo: DemoDocument,
  options: SampleOptions & { readonly stateFile: string },
): Promise<SampleReport> {
  if (samplesAreLoaded(options.stateFile)) return await readSamples(gatewayUrl, demo, options.signal)
  const report = await runSamples(gatewayUrl, demo, options)
  rememberSamples(options.stateFile)
  return report
}
