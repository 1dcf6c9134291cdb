import { existsSync, readFileSync } from 'node:fs'
import { consumptions } from '@csr/contracts/consumers'
import { catalog, ownerOf, type EventType } from '@csr/contracts/events/catalog'
import { operations } from '@csr/contracts/http/operations'
import { services, type Service } from '@csr/contracts/services'
import type { Generated } from './generated-file.ts'
import { settingsOf } from './settings.ts'

/** The tables of routes, events and settings inside each service's README, between their markers. */
export async function generateServiceReadmes(root: string): Promise<Generated[]> {
  const generated: Generated[] = []
  for (const service of services) {
    const path = `services/${service}/README.md`
    if (!existsSync(`${root}/${path}`)) throw new Error(`${path} is missing`)
    const tables = { routes: routesOf(service), events: eventsOf(service), settings: await settingsTable(service) }
    let text = readFileSync(`${root}/${path}`, 'utf8')
    for (const [name, table] of Object.entries(tables)) text = replaceBetween(path, text, name, table)
    generated.push({ path, text })
  }
  return generated
}

function replaceBetween(path: string, text: string, name: string, table: string): string {
  const pattern = new RegExp(`(<!-- generated:${name} -->)[\\s\\S]*?(<!-- /generated -->)`)
  if (!pattern.test(text)) throw new Error(`${path} has no markers for ${name}`)
  return text.replace(pattern, (_, open: string, close: string) => `${open}\n${table}\n${close}`)
}

function routesOf(service: Service): string {
  const rows = operations[service].map(
    ({ method, path, summary, permission, callers = ['gateway'] }) =>
      `| \`${method} ${path}\` | ${summary} | ${permission} | ${callers.join(', ')} |`,
  )
  return ['| route | does | permission | callers |', '|---|---|---|---|', ...rows].join('\n')
}

function eventsOf(service: Service): string {
  const published = (Object.keys(catalog) as EventType[]).filter((type) => ownerOf(type) === service)
  const rows = [
    ...consumptions[service].map((event) => `| consumes | \`${event === '*' ? 'everything' : `${event}.*`}\` |`),
    ...published.map((type) => `| publishes | \`${type}\` |`),
  ]
  return ['| | event |', '|---|---|', ...rows].join('\n')
}

async function settingsTable(service: Service): Promise<string> {
  const rows = (await settingsOf(service)).map(
    ({ name, description, required, fallback }) =>
      `| \`${name}\` | ${description} | ${required ? 'required' : fallback === null ? 'not set' : `\`${fallback}\``} |`,
  )
  return ['| setting | is | default |', '|---|---|---|', ...rows].join('\n')
}
