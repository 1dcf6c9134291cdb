import assert from 'node:assert/strict'
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { services } from '@csr/contracts/services'
import { readKeyFile } from '@csr/keyring/key-file'
import { placeTestSecrets } from '@csr/testkit/secrets'
import { DCLinter } from 'dclint'
import { validate } from 'dockerfile-utils'
import { parse } from 'yaml'
import { containerUser } from '../src/container-files.ts'
import { settingsOf } from '../src/generate/settings.ts'

type Mount = string | { readonly source: string; readonly target: string }
type Container = {
  readonly image?: string
  readonly build?: { readonly dockerfile: string; readonly args: { readonly SERVICE: string } }
  readonly user?: string
  readonly profiles?: readonly string[]
  readonly deploy?: { readonly replicas: string }
  readonly read_only?: boolean
  readonly cap_drop?: readonly string[]
  readonly security_opt?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  readonly secrets?: readonly Mount[]
  readonly ports?: readonly string[]
  readonly healthcheck?: unknown
}
type Finding = { readonly line: number; readonly message: string }
type Compose = {
  readonly services: Readonly<Record<string, Container>>
  readonly secrets: Readonly<Record<string, { readonly file: string }>>
}

const root = fileURLToPath(new URL('../../..', import.meta.url))
const composeFile = join(root, 'docker-compose.yml')
const compose = parse(readFileSync(composeFile, 'utf8'), { merge: true }) as Compose
const dockerfile = readFileSync(join(root, 'infra/docker/service.Dockerfile'), 'utf8')

const folder = join(mkdtempSync(join(tmpdir(), 'csr-test-containers-')), '.containers')
execFileSync(process.execPath, [join(root, 'packages/stack/src/prepare-containers.ts'), folder])
after(() => rmSync(join(folder, '..'), { recursive: true, force: true }))

/** Path of a prepared file that the compose file names. */
const prepared = (path: string): string => join(folder, path.replace(/^(\.\/)?\.containers\//, ''))

function containerOf(name: string): Container {
  const container = compose.services[name]
  assert.ok(container, name)
  return container
}

function secretsOf(name: string): Map<string, string> {
  const mounts = containerOf(name).secrets ?? []
  return new Map(
    mounts.map((mount) => {
      const { source, target } = typeof mount === 'string' ? { source: mount, target: mount } : mount
      return [`/run/secrets/${target}`, compose.secrets[source]?.file ?? '']
    }),
  )
}

test('the Dockerfile and the compose file lint without a finding', () => {
  assert.deepEqual(validate(dockerfile), [])
  const linter = new DCLinter({ rules: { ...orderOfKeys, ...builtImages }, quiet: true, debug: false, exclude: [] })
  const results = linter.lintFiles([composeFile], false) as readonly { readonly messages: readonly Finding[] }[]
  const findings = results.flatMap(({ messages }) => messages)
  assert.deepEqual(
    findings.map(({ line, message }) => `${line}: ${message}`),
    [],
  )
})

// Order of keys follows what is read together; an image that is built here gets a name, so that several use it.
const orderOfKeys = {
  'services-alphabetical-order': 0,
  'service-keys-order': 0,
  'service-dependencies-alphabetical-order': 0,
  'top-level-properties-order': 0,
} as const
const builtImages = { 'no-build-and-image': 0, 'service-image-require-explicit-tag': 0 } as const

test('the linters notice faults', () => {
  assert.ok(validate(`${dockerfile}\nUNKNOWN x\n`).length > 0)
  assert.throws(() => parse('services:\n  a: [\n'))
})

test('every container runs without capabilities on a read-only file system, and none as root but nats-server', () => {
  const names = Object.keys(compose.services)
  // beside the services: two databases, set-up, keeper, one nats-server and the three of a cluster
  assert.equal(names.length, services.length + 4 + 4)
  for (const name of names) {
    const { read_only: readOnly, cap_drop: dropped, security_opt: options, user, image = '' } = containerOf(name)
    assert.equal(readOnly, true, name)
    assert.deepEqual(dropped, ['ALL'], name)
    assert.deepEqual(options, ['no-new-privileges:true'], name)
    assert.equal(user === undefined, /^nats(-\d)?$/.test(name), name)
    assert.match(image, /^(csr-backbone-[a-z0-9]+|[a-z]+:\d+\.\d+(\.\d+)?-[a-z]+)$/, name)
    assert.ok(containerOf(name).healthcheck !== undefined || services.some((service) => service === name), name)
  }
  assert.match(dockerfile, /\nUSER node\n/)
  assert.match(dockerfile, /\nHEALTHCHECK /)
})

test('only loopback reaches a container from outside, and of the services only the gateway', () => {
  for (const [name, { ports = [] }] of Object.entries(compose.services)) {
    for (const port of ports) assert.match(port, /^127\.0\.0\.1:/, name)
    if (services.some((service) => service === name)) assert.equal(ports.length, name === 'gateway' ? 1 : 0, name)
  }
})

test('each service is given every setting it needs, and every file that a setting names', async () => {
  for (const service of services) {
    const container = containerOf(service)
    assert.equal(container.build?.args.SERVICE, service)
    const secrets = secretsOf(service)
    const environmentFile = prepared(secrets.get('/run/secrets/environment') ?? '')
    const settings = { ...container.environment, ...readEnvironment(environmentFile) }
    const missing = (await settingsOf(service)).filter(({ name, required }) => required && !settings[name])
    assert.deepEqual(
      missing.map(({ name }) => name),
      [],
      service,
    )
    for (const [name, value] of Object.entries(settings)) {
      if (value.startsWith('/run/secrets/')) assert.ok(existsSync(prepared(secrets.get(value) ?? '?')), name)
    }
    assert.equal('ROOT_KEY_FILE' in settings, service !== 'audit', service)
  }
})

test('the profile of a cluster has three NATS nodes that know each other, and two of every service that are told of each', () => {
  const settings = readEnvironment(join(folder, 'cluster.env'))
  const inCluster = Object.keys(compose.services).filter((name) => containerOf(name).profiles?.includes('cluster'))
  assert.deepEqual(
    inCluster.filter((name) => name.startsWith('nats')),
    ['nats-1', 'nats-2', 'nats-3'],
  )
  assert.equal(settings['CSR_REPLICAS'], '2')
  for (const service of services) {
    const { profiles, deploy } = containerOf(service)
    assert.deepEqual([profiles, deploy?.replicas], [['all', 'cluster'], '${CSR_REPLICAS:-1}'], service)
  }
  const hosts = (value = '') => value.split(',').map((address) => new URL(address).hostname)
  assert.deepEqual(hosts(settings['CSR_NATS_URL']), ['nats-1', 'nats-2', 'nats-3'])
  assert.equal(settings['CSR_STREAM_REPLICAS'], '3')
  for (const [name, value] of Object.entries({
    ...containerOf('gateway').environment,
    ...containerOf('q2q').environment,
  })) {
    const variable = /^\$\{(CSR_(\w+)_URL):-http:\/\/(\w+):3000\}$/.exec(value)
    if (!name.endsWith('_URL') || name === 'NATS_URL') continue
    const containers = ['1', '2'].map((number) => `csr-backbone-${variable?.[3]}-${number}`)
    assert.deepEqual(hosts(settings[variable?.[1] ?? '']), containers, name)
  }
  for (const node of ['nats-1', 'nats-2', 'nats-3']) {
    const config = readFileSync(prepared(`${node}.conf`), 'utf8')
    assert.match(config, new RegExp(`server_name: ${node}\n`))
    assert.match(config, /sync_interval: always/)
    for (const host of ['nats-1', 'nats-2', 'nats-3']) assert.match(config, new RegExp(`@${host}:6222"`))
  }
})

test('what is prepared is closed to others, keeps its secrets, and is not made anew where a part is missing', () => {
  assert.equal(statSync(folder).mode & 0o077, 0)
  const keys = readKeyFile(prepared('secrets/root.key'))
  execFileSync(process.execPath, [join(root, 'packages/stack/src/prepare-containers.ts'), folder])
  assert.equal(readKeyFile(prepared('secrets/root.key')).current, keys.current)
  for (const { file } of Object.values(compose.secrets)) assert.ok(existsSync(prepared(file)), file)
  const nats = readFileSync(prepared('nats-server.conf'), 'utf8')
  assert.match(nats, /sync_interval: always/)
  assert.doesNotMatch(nats, /\bS[A-Z2-7]{57}\b/)
  rmSync(prepared('secrets/index.key'))
  assert.throws(
    () =>
      execFileSync(process.execPath, [join(root, 'packages/stack/src/prepare-containers.ts'), folder], {
        stdio: 'pipe',
      }),
    /index\.key/,
  )
})

test('containers run as whoever prepared them, and as nobody else where that was root', () => {
  assert.deepEqual(containerUser(501, 20), { uid: 501, gid: 20 })
  assert.deepEqual(containerUser(0, 0), { uid: 1_000, gid: 1_000 })
})

test('nats-server in a container is ended where that cures it: broken for a minute, with room, and not otherwise', async () => {
  const server = spawn('sleep', ['600'])
  const ended = once(server, 'exit')
  const tools = mkdtempSync(join(folder, '..', 'tools-'))
  mkdirSync(join(tools, 'tmp'))
  const tool = (name: string, ...lines: string[]): void =>
    writeFileSync(join(tools, name), ['#!/bin/sh', ...lines, ''].join('\n'), { mode: 0o755 })
  const check = (said: string, { roomKilobytes = 100_000 } = {}): number | null => {
    tool('nc', 'cat > /dev/null', 'printf "HTTP/1.0 503 Service Unavailable\\r\\n\\r\\n"', `echo '${said}'`)
    tool('df', 'echo Filesystem 1024-blocks Used Available', `echo /dev/data 200000 100000 ${roomKilobytes}`)
    const env = { PATH: `${tools}:${process.env['PATH']}`, TMPDIR: join(tools, 'tmp') }
    return spawnSync('sh', [join(root, 'infra/nats/health.sh'), String(server.pid)], { env }).status
  }
  const since = join(tools, 'tmp', 'broken-since')
  const aMinuteLater = (): void => writeFileSync(since, String(Number(readFileSync(since, 'utf8')) - 60))
  const broken = '{"status":"unavailable","error":"JetStream stream write error: no space left on device"}'

  tool('wget', 'exit 1')
  assert.equal(check(broken), 1)
  assert.equal(existsSync(since), false, 'what does not answer is left alone')
  tool('wget', 'exit 0')
  assert.equal(check('{"status":"ok"}'), 0)
  assert.equal(check('{"status":"unavailable","error":"JetStream stream is not current"}'), 0)
  assert.equal(check(broken, { roomKilobytes: 10_000 }), 1)
  assert.equal(existsSync(since), false, 'without room there is nothing to wait for')
  assert.equal(check(broken), 1)
  aMinuteLater()
  assert.equal(check('{"status":"ok"}'), 0)
  assert.equal(check(broken), 1)
  assert.equal(server.exitCode, null)
  aMinuteLater()
  assert.equal(check(broken), 1)
  assert.deepEqual(await ended, [null, 'SIGTERM'])
})

function readEnvironment(path: string): Record<string, string> {
  const lines = readFileSync(path, 'utf8').trim().split('\n')
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]))
}

test('applications at Google and Entra go into the gateway’s own file, stay there, and reach no other container', async () => {
  const own = join(folder, '..', 'with-providers')
  await placeTestSecrets(join(own, 'secrets'))
  const run = (env: Record<string, string>): void =>
    void execFileSync(process.execPath, [join(root, 'packages/stack/src/prepare-containers.ts'), own], { env })
  const file = (service: string): string => readFileSync(join(own, `environment/${service}.env`), 'utf8')
  run({ GOOGLE_CLIENT_ID: 'application', AZURE_ALLOWED_TENANTS: '*', OTHER: 'x' })
  run({ GOOGLE_CLIENT_ID: 'another' })
  assert.match(file('gateway'), /^GOOGLE_CLIENT_ID=another$/m)
  assert.match(file('gateway'), /^AZURE_ALLOWED_TENANTS=\*$/m)
  assert.doesNotMatch(file('gateway'), /OTHER/)
  for (const service of services.filter((name) => name !== 'gateway'))
    assert.doesNotMatch(file(service), /GOOGLE|AZURE/)
})
