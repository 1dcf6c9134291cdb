import type { Partner } from '@csr/contracts/events/ingest'
import { createImport, importStatus, listImports, type ImportStatus } from '@csr/contracts/http/ingest'
import { followImport } from '../follow-import.ts'
import { Refusal } from '../refusal.ts'
import type { DemoDocument } from '../stack-document.ts'
import { signWebhook } from '../sign-webhook.ts'
import type { CompanyClient } from '../company-client.ts'
import { postBytes } from '../post-bytes.ts'
import { fewAtATime, persist } from '../persist.ts'
import type { SampleData } from './sample-data.ts'
import type { SampleFile } from './sample-files.ts'
import type { SampleWebhook } from './sample-webhooks.ts'

const chainsAtOnce = 8

/** Sends every webhook, signed, and goes on with the same webhook id until it is answered. */
export async function sendWebhooks(
  company: CompanyClient,
  partners: DemoDocument['partners'],
  chains: SampleData['chains'],
  onSent: (sent: number) => void,
): Promise<void> {
  let sent = 0
  await fewAtATime(chains, chainsAtOnce, async (chain) => {
    for (const webhook of chain) {
      await sendWebhook(company, partners[webhook.partner], webhook)
      onSent((sent += 1))
    }
  })
}

async function sendWebhook(
  company: CompanyClient,
  endpoint: DemoDocument['partners'][Partner],
  { partner, id, body }: SampleWebhook,
): Promise<void> {
  if (endpoint === undefined) throw new Refusal(`The demo tenant has no endpoint for ${partner}.`)
  const bytes = Buffer.from(body)
  await persist(async () => {
    const timestamp = await company.nowSeconds()
    const signed = signWebhook({ id, timestamp, body: bytes, secret: endpoint.secret })
    await postBytes(endpoint.webhookUrl, { 'content-type': 'application/json', ...signed }, bytes)
  }, company.signal)
}

/**
 * Imports a file and follows it to its end. Files have no id of their sender's: whether this one arrived before, in an
 * earlier run or in an attempt whose answer was lost, is seen in the list of imports. It is then followed, not sent again.
 */
export async function importFile(company: CompanyClient, file: SampleFile): Promise<ImportStatus> {
  const started = await persist(async () => {
    const known = importsOf(await company.all(listImports), file)
    if (known !== undefined) return known
    const url = new URL(`${createImport.path}?schema=${encodeURIComponent(file.schema)}`, company.gatewayUrl)
    const headers = { 'content-type': 'text/csv', authorization: `Bearer ${await company.token()}` }
    return importStatus.parse(await postBytes(url.href, headers, file.content))
  }, company.signal)
  const ended = await followImport(company, started)
  if (ended.state === 'failed') throw new Refusal(`The import of ${file.name} failed.`)
  return ended
}

/** The first import of a file that did not fail: the one whose rows counted. `imports` come newest first. */
export function importsOf(imports: readonly ImportStatus[], file: SampleFile): ImportStatus | undefined {
  return imports.findLast(
    ({ schema, bytes, state }) => schema === file.schema && bytes === file.content.length && state !== 'failed',
  )
}
