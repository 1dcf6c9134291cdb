import { gatewayOperations } from '@csr/contracts/http/gateway'
import { services, type Service as ServiceName } from '@csr/contracts/services'
import { sealedAnswers } from '@csr/http/idempotency/answer-seal'
import { keepAnswers } from '@csr/http/idempotency/keep-answers'
import { trustedProxies } from '@csr/http/client-address'
import type { Route } from '@csr/http/route'
import { createServer } from '@csr/http/server'
import { createServiceTokens } from '@csr/http/service-tokens'
import { createUpstream, type Upstream } from '@csr/http/upstream'
import { openKeyring } from '@csr/keyring/open-keyring'
import { createVault } from '@csr/keyring/vault'
import { runConsumers } from '@csr/messaging/consume'
import { openPorts, type Ports } from '@csr/messaging/open-ports'
import { outboxRoutes } from '@csr/messaging/outbox-routes'
import { parkedRoutes } from '@csr/messaging/parked-routes'
import { createHealth, inOrder, type Health, type Service } from '@csr/runtime/lifecycle'
import { onExportRequested } from './consumers/on-export-requested.ts'
import { openFirewall } from './firewall/open-firewall.ts'
import { openDocuments, type Documents } from './documents/open-documents.ts'
import { forwarding } from './forwarding.ts'
import { recordRefusals } from './jobs/record-refusals.ts'
import { openLimits } from './limits/open-limits.ts'
import { createFirewallExplanationRoute } from './routes/create-firewall-explanation.ts'
import { forward } from './routes/forward.ts'
import { getDocsRoutes } from './routes/get-docs.ts'
import { getOpenApiRoute } from './routes/get-openapi.ts'
import { getProblemRoute } from './routes/get-problem.ts'
import { getServiceHealthRoute } from './routes/get-service-health.ts'
import { screened, screenedBody } from './routes/screened.ts'
import type { GatewaySettings } from './settings.ts'
import { createContributionStore } from './store/contribution-store.ts'
import { createRefusalStore } from './store/refusal-store.ts'
import { createTenantStore } from './store/tenant-store.ts'
import { createGatewayTelemetry } from './telemetry.ts'
import { openAccounts, type OpenAccounts } from './sessions/open-accounts.ts'
import { openSignIn } from './sign-in/open-sign-in.ts'
import { openTokens, type OpenTokens } from './tokens/open-tokens.ts'

/** Composition root: everything this service is made of. */
export async function createGatewayService(settings: GatewaySettings): Promise<Service> {
  const ports = openPorts('gateway', settings)
  const { service, logger, telemetry, clock, ids, stamp, postgres, nats, relay } = ports
  const keyring = openKeyring(ports, settings)
  const health = createHealth()

  const facts = createGatewayTelemetry(telemetry, logger)
  const tenants = createTenantStore({ postgres, keyring, relay, clock, ids })
  const refusals = recordRefusals({
    refusals: createRefusalStore({ postgres, relay, clock, ids }),
    ...{ keyring, clock, telemetry: facts },
  })
  const screens = openFirewall({
    ...{ mode: settings.GATEWAY_FIREWALL_MODE, exclusionsFile: settings.GATEWAY_FIREWALL_EXCLUSIONS_FILE },
    ...{ clock, witness: facts.ruleMet, expired: facts.exclusionEnded },
  })
  const consumers = runConsumers({
    ...{ ...ports, redeliveryDelaysMs: settings.REDELIVERY_DELAYS_MS, vault: createVault(keyring) },
    handlers: [onExportRequested({ contributions: createContributionStore({ postgres, keyring, stamp }) })],
  })
  const tokens = openTokens(ports, settings, keyring)
  const serviceTokens = createServiceTokens({ service, keyFile: settings.SERVICE_KEY_FILE, clock, ids })
  const upstreams = createUpstreams(settings, ports, serviceTokens)
  const documents = await openDocuments()
  const signIn = openSignIn({ ports, settings, keyring })
  const logout = { providerLogoutUrl: signIn.logoutUrl }
  const accounts = openAccounts({ ...{ ports, settings, keyring, tenants, upstreams, refusals }, ...tokens, ...logout })
  const { limits, resources: counting } = await openLimits({ settings, keyring, clock, telemetry: facts })
  const answers = keepAnswers({ ...ports, seal: sealedAnswers(service, keyring) })
  const server = createServer({
    ...{ service, host: settings.HOST, port: settings.PORT, tls: tlsOf(settings) },
    ...{ logger, telemetry, clock, health, limits, proxies: trustedProxies(settings.GATEWAY_TRUSTED_PROXIES) },
    ...{ door: 'edge', metrics: false, answers, onRefused: refusals.refused },
    ...{ tokens: tokens.verifier, sessions: accounts.edge },
    routes: routesOf({ ports, health, upstreams, documents, tokens, accounts, signIn, screens, consumers }),
  })
  const metrics = createServer({
    ...{ service, host: '127.0.0.1', port: settings.GATEWAY_METRICS_PORT, logger, telemetry, clock, health },
    ...{ tokens: tokens.verifier, routes: [] },
  })
  const stores = [serviceTokens, postgres, nats, keyring, ...tokens.resources, ...accounts.resources, relay]
  const work = [consumers, refusals, answers, ...counting, ...Object.values(upstreams)]
  return inOrder(service, health, [...stores, ...work, metrics, server])
}

type Parts = {
  readonly ports: Ports
  readonly health: Health
  readonly upstreams: Upstreams
  readonly documents: Documents
  readonly tokens: OpenTokens
  readonly accounts: OpenAccounts
  readonly signIn: ReturnType<typeof openSignIn>
  readonly screens: ReturnType<typeof openFirewall>
  readonly consumers: ReturnType<typeof runConsumers>
}

/** Every route of the edge, its own first, then what is passed on. */
function routesOf(parts: Parts): Route[] {
  const { ports, health, upstreams, documents, accounts, screens } = parts
  return [
    ...parts.tokens.routes,
    createFirewallExplanationRoute({ firewall: screens.firewall, operations: described }),
    ...parts.signIn.routes({ sessions: accounts.signIn, cookies: accounts.cookies }),
    ...accounts.routes.map((own) => screenedBody(own, screens)),
    getProblemRoute(),
    getOpenApiRoute({ documents }),
    ...getDocsRoutes({ documents }),
    ...services.map((name) => getServiceHealthRoute(name, { health, upstreams })),
    ...outboxRoutes(ports),
    ...parkedRoutes(ports, parts.consumers),
    ...forwarding.map((row) => screened(forward(row, { upstreams }), row.operation, screens)),
  ]
}

/** Both files or none: the settings say so. */
function tlsOf({ GATEWAY_TLS_CERTIFICATE_FILE: certificateFile, GATEWAY_TLS_KEY_FILE: keyFile }: GatewaySettings) {
  return certificateFile && keyFile ? { certificateFile, keyFile } : undefined
}

type Upstreams = Readonly<Record<Exclude<ServiceName, 'gateway'>, Upstream>>

/** Everything a request can be about, for explanations. */
const described = [...forwarding.map(({ operation }) => operation), ...gatewayOperations]

function createUpstreams(
  settings: GatewaySettings,
  { logger, telemetry }: Ports,
  tokens: ReturnType<typeof createServiceTokens>,
): Upstreams {
  const to = (service: Exclude<ServiceName, 'gateway'>, urls: readonly string[]): Upstream =>
    createUpstream({ service, urls, tokens, logger, telemetry })
  return {
    profile: to('profile', settings.PROFILE_URL),
    ingest: to('ingest', settings.INGEST_URL),
    q2q: to('q2q', settings.Q2Q_URL),
    safety: to('safety', settings.SAFETY_URL),
    privacy: to('privacy', settings.PRIVACY_URL),
    audit: to('audit', settings.AUDIT_URL),
  }
}
