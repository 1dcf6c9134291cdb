import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { partner as partners, type Partner } from '@csr/contracts/events/ingest'
import { createCommand } from '@csr/stack/command-line'
import { Refusal } from '@csr/stack/refusal'
import { signWebhook } from '@csr/stack/sign-webhook'
import { InvalidArgumentError, Option, type Command } from 'commander'
import { openStack, printResult, withStackOptions, type StackOptions } from '../result.ts'

type WebhookOptions = StackOptions & {
  readonly partner: Partner
  readonly file: string
  readonly id?: string
  readonly timestamp?: number
  readonly url?: string
}

const examples = `
The endpoint is the demo tenant's; for another one give its address with --url and its secret in CSR_WEBHOOK_SECRET.

Examples:
  csr webhook send --partner kintell --file session.json
  csr webhook send --partner kintell --file - < session.json
  csr webhook send --partner kintell --file session.json --id msg_1     twice: the second is a duplicate
  csr webhook sign --partner buddy --file feedback.json --json`

export function create(): Command {
  const webhook = createCommand('csr webhook')
    .description('Signs a webhook as a partner would, or sends it.')
    .addHelpText('after', examples)
  withWebhook(webhook.command('sign')).description('Prints the headers that go with the body.').action(printHeaders)
  withWebhook(webhook.command('send')).description('Sends the body, signed, and prints the answer.').action(sendWebhook)
  return webhook
}

function withWebhook(command: Command): Command {
  return withStackOptions(command)
    .addOption(new Option('--partner <partner>', 'who sends').choices(partners.options).makeOptionMandatory())
    .requiredOption('--file <path>', 'the body, byte for byte; - reads stdin')
    .option('--id <id>', 'webhook-id (a new one)')
    .option('--timestamp <seconds>', 'webhook-timestamp, Unix seconds (now)', parseSeconds)
    .option('--url <url>', 'address of the endpoint')
    .addHelpText('after', examples)
}

function printHeaders(options: WebhookOptions): void {
  const { url, headers } = prepare(options)
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
  printResult(options, { url, headers }, lines.join('\n'))
}

async function sendWebhook(options: WebhookOptions): Promise<void> {
  const { url, headers, body } = prepare(options)
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body,
    signal: AbortSignal.timeout(answerWithinMs),
  }).catch((error: unknown) => {
    throw new Refusal(`${new URL(url).origin} does not answer.`, { exitCode: 3, cause: error })
  })
  const text = await answer.text()
  process.stdout.write(`${text}\n`)
  if (answer.status !== 202) throw new Refusal(`The webhook was refused with status ${answer.status}.`)
}

const answerWithinMs = 15_000

function prepare(options: WebhookOptions) {
  const body = readBody(options.file)
  const { url, secret } = endpointOf(options)
  const id = options.id ?? `msg_${randomUUID()}`
  const timestamp = options.timestamp ?? Math.floor(Date.now() / 1_000)
  return { url, body, headers: signWebhook({ id, timestamp, body, secret }) }
}

function endpointOf(options: WebhookOptions): { url: string; secret: string } {
  const given = process.env['CSR_WEBHOOK_SECRET']
  if (options.url !== undefined && given) return { url: options.url, secret: given }
  if (options.url !== undefined) {
    throw new Refusal('Give the secret of that endpoint in CSR_WEBHOOK_SECRET.', { exitCode: 2 })
  }
  const known = openStack(options).demo?.partners[options.partner]
  if (known === undefined) {
    throw new Refusal(`The demo tenant has no endpoint for ${options.partner}; give one with --url.`)
  }
  return { url: known.webhookUrl, secret: given || known.secret }
}

function readBody(file: string): Buffer {
  try {
    return readFileSync(file === '-' ? 0 : file)
  } catch (error) {
    throw new Refusal(`${file} cannot be read (${(error as NodeJS.ErrnoException).code}).`, { exitCode: 2 })
  }
}

function parseSeconds(text: string): number {
  if (!/^\d{1,12}$/.test(text)) throw new InvalidArgumentError('It is a whole number of seconds.')
  return Number(text)
}
