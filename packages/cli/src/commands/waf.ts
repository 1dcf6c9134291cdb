import { readFileSync } from 'node:fs'
import { createFirewallExplanation, type FirewallExplanation } from '@csr/contracts/http/firewall'
import { createCommand } from '@csr/stack/command-line'
import { Refusal } from '@csr/stack/refusal'
import type { Command } from 'commander'
import { openStack, printResult, withStackOptions, type StackOptions } from '../result.ts'
import { asOperator } from '../tokens.ts'

type ExplainOptions = StackOptions & { readonly route?: readonly string[] }
type Field = FirewallExplanation['fields'][number]

const examples = `
Examples:
  csr waf explain feedback.txt                                    the file as one text
  csr waf explain body.json --route POST /v1/outcomes/scores      the file as the body of a request
  csr waf explain body.json --route POST /v1/outcomes/scores --json

The exit code is 0 whatever the firewall would do; the decision is in the answer.`

export function create(): Command {
  const waf = createCommand('csr waf').description('Explains what the firewall does.').addHelpText('after', examples)
  withStackOptions(waf.command('explain'))
    .description('Says whether a content would be refused, by which rules, and why. Nothing of it is kept.')
    .argument('<file>', 'the content; - reads stdin')
    .option('--route <method-and-path...>', 'take the file for the JSON body of a request to this route')
    .action(explain)
  return waf
}

async function explain(file: string, options: ExplainOptions): Promise<void> {
  const route = routeOf(options.route)
  const content = read(file)
  const { client, token } = await asOperator(openStack(options))
  const body = { content, ...(route && { route }) }
  const explanation = await client.call(createFirewallExplanation, { token, body })
  printResult(options, explanation, describe(explanation))
}

function routeOf(given: readonly string[] | undefined): { method: string; path: string } | undefined {
  if (given === undefined) return undefined
  const [method = '', path = '', ...more] = given.flatMap((part) => part.split(' '))
  if (path.startsWith('/') && more.length === 0) return { method: method.toUpperCase(), path }
  throw new Refusal('Name a route as --route METHOD PATH, behind the file.', { exitCode: 2 })
}

function read(file: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8')
  } catch {
    throw new Refusal(`Cannot read ${file}.`, { exitCode: 2 })
  }
}

const decisions = {
  pass: 'passes',
  observe: 'passes, and is counted as what would be refused',
  refuse: 'is refused (403 request-refused)',
} as const

function describe({ decision, mode, fields }: FirewallExplanation): string {
  return [`${decisions[decision]}; the firewall is in ${mode} mode`, ...fields.flatMap(describeField)].join('\n')
}

function describeField({ field, screened, scores, rules }: Field): string[] {
  const name = field === '' ? 'the text' : field
  if (!screened) return [`${name}: not screened, its schema leaves no room for free text`]
  if (rules.length === 0) return [`${name}: no rule met`]
  const sums = scores.map(({ family, score, threshold }) => `${family} ${score} of ${threshold}`).join(', ')
  return [
    `${name}: ${sums || 'nothing counts'}`,
    ...rules.map(({ id, weight, reason, reading, excerpt, excluded }) => {
      const how = reading === 'plain' ? '' : ` (${reading})`
      const what = excerpt === '' ? '' : `: ${JSON.stringify(excerpt)}`
      return `  ${excluded ? 'excluded' : `+${weight}`} ${id}${how}${what}\n     ${reason}`
    }),
  ]
}
