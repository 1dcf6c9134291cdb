import { z } from 'zod'

/** A refused environment: every problem at once, names only, never a value. */
export class SettingsError extends Error {
  readonly problems: readonly string[]
  constructor(problems: readonly string[]) {
    super(`The environment is not usable:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`)
    this.name = 'SettingsError'
    this.problems = problems
  }
}

/** Reads one typed object out of the environment. Throws `SettingsError` that lists all problems and no values. */
export function readSettings<Schema extends z.ZodObject>(
  schema: Schema,
  environment: Readonly<Record<string, string | undefined>>,
): z.output<Schema> {
  const given = Object.fromEntries(Object.keys(schema.shape).map((name) => [name, environment[name] || undefined]))
  const result = schema.safeParse(given)
  if (result.success) return result.data
  throw new SettingsError(result.error.issues.map((issue) => `${issue.path.join('.')}: ${describe(issue, given)}`))
}

function describe(issue: z.core.$ZodIssue, given: Readonly<Record<string, string | undefined>>): string {
  if (given[String(issue.path[0])] === undefined) return 'is missing'
  return issue.code === 'custom' ? issue.message : issue.message.replace(/, received .*$/, '')
}

const wholeNumber = (least: number, most: number) => z.coerce.number().int().min(least).max(most)
const postgresUrl = z.string().regex(/^postgres(ql)?:\/\//, 'must be a postgres:// address')

/** Where the replicas of another service answer: one address or several, separated by commas, all of them equal. */
export const replicaAddresses = (description: string) =>
  z
    .string()
    .refine(
      (list) => list.split(',').every(isOrigin),
      'must be http(s):// addresses without a path, separated by commas',
    )
    .transform((list) => list.split(','))
    .meta({ description: `${description}; several addresses are separated by commas` })

function isOrigin(address: string): boolean {
  if (!/^https?:\/\//.test(address) || !URL.canParse(address)) return false
  const { pathname, search, hash, username } = new URL(address)
  return pathname === '/' && search === '' && hash === '' && username === ''
}

/** Settings that several services share; each service picks the ones it reads. */
export const settingFields = {
  CSR_MODE: z
    .enum(['development', 'production'])
    .default('production')
    .meta({ description: 'development allows generated secrets and development tokens' }),
  CSR_CLOCK_OFFSET_SECONDS: wholeNumber(-315_360_000, 315_360_000)
    .default(0)
    .meta({ description: 'development only: shifts the clock of every service' }),
  LOG_LEVEL: z
    .enum(['debug', 'info', 'warn', 'error'])
    .default('info')
    .meta({ description: 'least level that is logged' }),
  HOST: z.string().default('127.0.0.1').meta({ description: 'address to listen on' }),
  PORT: wholeNumber(1, 65_535).meta({ description: 'port to listen on' }),
  DATABASE_URL: postgresUrl.meta({ description: 'database csr, as the role of the service' }),
  WORKER_DATABASE_URL: postgresUrl.meta({ description: 'database csr, as the worker role of the service' }),
  KEYS_DATABASE_URL: postgresUrl.meta({ description: 'database csr_keys, as the role of the service' }),
  NATS_URL: z
    .string()
    .regex(
      /^(nats|tls):\/\/[^,\s]+(,(nats|tls):\/\/[^,\s]+)*$/,
      'must be nats:// or tls:// addresses, separated by commas',
    )
    .meta({ description: 'nats-server, or the nodes of its cluster separated by commas' }),
  NATS_CREDENTIALS_FILE: z.string().min(1).meta({ description: 'file with the nkey seed of the service' }),
  SERVICE_KEY_FILE: z.string().min(1).meta({ description: 'private JWK that signs service tokens' }),
  ACCESS_TOKEN_ISSUER: z
    .string()
    .min(1)
    .max(200)
    .default('csr-backbone')
    .meta({ description: 'issuer of access tokens, the same for all services' }),
  PUBLIC_KEYS_DIR: z.string().min(1).meta({ description: 'public halves, `<name>.<kid>.json`' }),
  ROOT_KEY_FILE: z.string().min(1).meta({ description: 'root key file of the keyring' }),
  INDEX_KEY_FILE: z.string().min(1).meta({ description: 'key file of blind indexes and fingerprints' }),
  REDELIVERY_DELAYS_MS: z
    .string()
    .regex(/^\d+(,\d+){0,9}$/, 'must be a list of milliseconds, separated by commas')
    .default('1000,5000,15000,60000')
    .transform((list) => list.split(',').map(Number))
    .meta({ description: 'delays before a failed message is tried again; after the last it is a dead letter' }),
} as const
