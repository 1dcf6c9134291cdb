import type { Role } from '@csr/contracts/permissions'
import type { Refusal } from '@csr/http/request-record'
import { readSigningKey } from '@csr/http/keys'
import { createServer, type ServerOptions } from '@csr/http/server'
import { createServiceTokens } from '@csr/http/service-tokens'
import { createTokenVerifier } from '@csr/http/token-verifier'
import { createUpstream } from '@csr/http/upstream'
import { systemClock } from '@csr/runtime/clock'
import { createIds } from '@csr/runtime/ids'
import { createHealth } from '@csr/runtime/lifecycle'
import { createLogger } from '@csr/runtime/logger'
import { createTelemetry } from '@csr/runtime/telemetry'
import { testSecrets } from '@csr/testkit/secrets'
import { setUpKeys } from '@csr/testkit/token-trust'
import { describeDevelopmentToken } from '../src/domain/development-token.ts'
import type { FirewallMode, Witness } from '../src/firewall/firewall.ts'
import { openFirewall } from '../src/firewall/open-firewall.ts'
import { forwarding, type Forwarding } from '../src/forwarding.ts'
import { forward } from '../src/routes/forward.ts'
import { screened } from '../src/routes/screened.ts'
import { createTokenSigner } from '../src/tokens/sign-token.ts'

export const tenantId = '0198a000-0000-7000-8000-00000000000a'

export type Edge = AsyncDisposable & {
  readonly url: string
  readonly port: number
  readonly refusals: Refusal[]
  /** rules of the firewall that were met */
  readonly rulesMet: Parameters<Witness>[0][]
  tokenOf(role: Role, claims?: Record<string, unknown>): Promise<string>
}

type EdgeOptions = { readonly mode?: FirewallMode } & Partial<ServerOptions>

/** The gateway's door and forwarding table in front of one address that stands for all services, or one for each. */
export async function openEdge(
  upstreamUrl: string | ((service: Forwarding['service']) => string),
  rows: readonly Forwarding[] = forwarding,
  { mode = 'block', ...limits }: EdgeOptions = {},
): Promise<Edge> {
  const secrets = await testSecrets()
  const clock = systemClock()
  const ids = createIds(clock)
  const logger = createLogger({ service: 'gateway', destination: { write: () => undefined } })
  const telemetry = createTelemetry('gateway')
  const refusals: Refusal[] = []
  const rulesMet: Edge['rulesMet'] = []
  const witness: Witness = (met) => void rulesMet.push(met)
  const screens = openFirewall({ mode, exclusionsFile: undefined, clock, witness, expired: () => undefined })
  const tokens = createServiceTokens({ service: 'gateway', keyFile: secrets.serviceKeyFile('gateway'), clock, ids })
  const key = await readSigningKey(secrets.gatewaySigningKeyFile)
  const signer = createTokenSigner({ active: () => key })
  const urlOf = typeof upstreamUrl === 'string' ? () => upstreamUrl : upstreamUrl
  const to = (service: Forwarding['service']) =>
    createUpstream({ service, urls: [urlOf(service)], tokens, logger, telemetry })
  const upstreams = {
    profile: to('profile'),
    ingest: to('ingest'),
    q2q: to('q2q'),
    safety: to('safety'),
    privacy: to('privacy'),
    audit: to('audit'),
  }
  const server = createServer({
    ...{ service: 'gateway', host: '127.0.0.1', port: 0, logger, telemetry, clock, health: createHealth() },
    ...{ door: 'edge', metrics: false, onRefused: (refusal) => void refusals.push(refusal) },
    tokens: createTokenVerifier({ service: 'gateway', publicKeysDir: secrets.publicKeysDir, clock, trust: setUpKeys }),
    routes: rows.map((row) => screened(forward(row, { upstreams }), row.operation, screens)),
    ...limits,
  })
  const resources = [tokens, server]
  for (const resource of resources) await resource.start?.()
  return {
    url: server.address,
    port: Number(new URL(server.address).port),
    refusals,
    rulesMet,
    async tokenOf(role, claims) {
      const stamp = { kid: signer.kid(), issuer: 'csr-backbone', nowMs: clock.nowMs(), tokenId: 'a', sessionId: 'b' }
      const described = describeDevelopmentToken({ tenantId, role, ...(claims && { claims }) }, stamp)
      return await signer.sign(described.header, described.claims)
    },
    async [Symbol.asyncDispose]() {
      for (const resource of [server, ...Object.values(upstreams), tokens]) await resource[Symbol.asyncDispose]()
    },
  }
}
