import { services, type Service } from '@csr/contracts/services'
import { z } from 'zod'
import type { Generated } from './generated-file.ts'

/** One setting of a service, as its schema says it. */
export type Setting = {
  readonly name: string
  readonly description: string
  readonly required: boolean
  /** null where there is none: it has to be given, or something is off without it */
  readonly fallback: string | null
}

/** Reads `<service>Settings` of the service's `settings.ts`; the schema is the only place where settings are declared. */
export async function settingsOf(service: Service): Promise<Setting[]> {
  const module = (await import(`../../../../services/${service}/src/settings.ts`)) as Record<string, unknown>
  const schema = module[`${service}Settings`]
  if (!(schema instanceof z.ZodObject))
    throw new Error(`services/${service}/src/settings.ts exports no ${service}Settings`)
  const shape = schema.shape as Record<string, z.ZodType>
  return Object.entries(shape).map(([name, field]) => ({
    name,
    description: field.meta()?.description ?? '',
    required: !field.safeParse(undefined).success,
    fallback: fallbackOf(field),
  }))
}

function fallbackOf(field: z.ZodType): string | null {
  const parsed = field.safeParse(undefined)
  return parsed.success && parsed.data !== undefined ? String(parsed.data) : null
}

/** Every setting of every service once, with its default; what has none has to be given. */
export async function generateEnvironmentExample(): Promise<Generated> {
  const known = new Map<string, Setting & { readonly usedBy: Service[] }>()
  for (const service of services) {
    for (const setting of await settingsOf(service)) {
      const { usedBy } = known.get(setting.name) ?? { usedBy: [] }
      known.set(setting.name, { ...setting, usedBy: [...usedBy, service] })
    }
  }
  const lines = [...known.values()].map(({ name, description, required, fallback, usedBy }) => {
    const who = usedBy.length === services.length ? 'all services' : usedBy.join(', ')
    const assigned = fallback === null ? `# ${name}=` : `${name}=${fallback}`
    return `# ${description} (${who}${required ? ', required' : ''})\n${assigned}\n`
  })
  const head =
    '# Settings of the services. `npm start` gives each service its own; set these where you run them yourself.\n'
  return { path: '.env.example', text: `${head}\n${lines.join('\n')}` }
}
