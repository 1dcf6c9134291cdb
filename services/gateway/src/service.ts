import { gatewayOperations } from '@csr/contracts/http/gateway'
import { services, type Service as ServiceName } from '@csr/contracts/services'
import { sealedAnswers } from '@csr/http/idempotency/answer-seal'
import { keepAnswers } from '@csr/http/idempotency/keep-answers'
import { createServer } from '@csr/http/server'
import { createServiceTokens } from '@csr/http/service-tokens'
import { readTokenTrust } from '@csr/http/token-trust'
import { createTokenVerifier } from '@csr/http/token-verifier'
import { createUpstream, type Upstream } from '@csr/http/upstream'
import { openKeyring } from '@csr/keyring/open-keyring'
import { createVault } from '@csr/keyring/vault'
import { runConsumers } from '@csr/messaging/consume'
import { openPorts, type Ports } from '@csr/messaging/open-ports'
import { outboxRoutes } from '@csr/messaging/outbox-routes'
import { parkedRoutes } from '@csr/messaging/parked-routes'
import { createHealth, inOrder, type Service } from '@csr/runtime/lifecycle'
import { onExportRequested } from './consumers/on-export-requested.ts'
import { openFirewall } from './firewall/open-firewall.ts'
import { openDocuments } from './documents/open-documents.ts'
import { forwarding } from './forwarding.ts'
import { forgetExpired } from './jobs/forget-expired.ts'
import { keepSigningKeys } from './jobs/keep-signing-keys.ts'
import { recordRefusals } from './jobs/record-refusals.ts'
import { createDevelopmentTokenRoute } from './routes/create-development-token.ts'
import { createFirewallExplanationRoute } from './routes/create-firewall-explanation.ts'
import { createTenantRoute } from './routes/create-tenant.ts'
import { forward } from './routes/forward.ts'
import { getDocsRoutes } from './routes/get-docs.ts'
import { getJwksRoute } from './routes/get-jwks.ts'
import { getOpenApiRoute } from './routes/get-openapi.ts'
import { getProblemRoute } from './routes/get-problem.ts'
import { getServiceHealthRoute } from './routes/get-service-health.ts'
import { listSigningKeysRoute } from './routes/list-signing-keys.ts'
import { listTenantsRoute } from './routes/list-tenants.ts'
import { rotateSigningKeyRoute } from './routes/rotate-signing-key.ts'
import { screened, screenedBody } from './routes/screened.ts'
import type { GatewaySettings } from './settings.ts'
import { createContributionStore } from './store/contribution-store.ts'
import { createExpiryStore } from './store/expiry-store.ts'
import { createRefusalStore } from './store/refusal-store.ts'
import { createSigningKeyStore } from './store/signing-key-store.ts'
import { createTenantStore } from './store/tenant-store.ts'
import { createGatewayTelemetry } from './telemetry.ts'
import { openAccounts } from './sessions/open-accounts.ts'
import { openSignIn } from './sign-in/open-sign-in.ts'
import { createAccessTokenIssuer } from './tokens/issue-access-token.ts'
import { createTokenSigner } from './tokens/sign-token.ts'
import { createSigningKeys } from './tokens/signing-keys.ts'

/** Composition root: everything this service is made of. */
export async function createGatewayService(settings: GatewaySettings): Promise<Service> {
  const ports = openPorts('gateway', settings)
  const { service, logger, telemetry, clock, ids, stamp, postgres, nats, relay } = ports
  const keyring = openKeyring(ports, settings)
  const health = createHealth()
  const issuer = settings.ACCESS_TOKEN_ISSUER

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
  const contributions = createContributionStore({ postgres, keyring, stamp })
  const consumers = runConsumers({
    ...ports,
    redeliveryDelaysMs: settings.REDELIVERY_DELAYS_MS,
    vault: createVault(keyring),
    handlers: [onExportRequested({ contributions })],
  })
  const keys = createSigningKeys({
    store: createSigningKeyStore({ postgres, keyring, relay, clock, ids }),
    ...{ clock, logger, firstKeyFile: settings.GATEWAY_SIGNING_KEY_FILE },
    ...{ leadSeconds: settings.GATEWAY_SIGNING_KEY_LEAD_SECONDS, lifeDays: settings.GATEWAY_SIGNING_KEY_DAYS },
  })
  const expiry = forgetExpired({ expiry: createExpiryStore({ postgres, clock }), logger })
  const upkeep = keepSigningKeys({ keys, hold: (name, signal) => postgres.hold(name, signal), logger })
  const signer = createTokenSigner(keys)
  const trust = readTokenTrust({ postgres, clock, logger })
  const serviceTokens = createServiceTokens({ service, keyFile: settings.SERVICE_KEY_FILE, clock, ids })
  const upstreams = createUpstreams(settings, ports, serviceTokens)
  const documents = await openDocuments()
  const issue = createAccessTokenIssuer({ signer, issuer, clock, ids })
  const signIn = openSignIn({ ports, settings, keyring })
  const accounts = openAccounts({
    ports,
    settings,
    keyring,
    tenants,
    upstreams,
    trust,
    issue,
    providerLogoutUrl: signIn.logoutUrl,
  })
  const verifier = createTokenVerifier({ service, publicKeysDir: settings.PUBLIC_KEYS_DIR, clock, issuer, trust })

  const { GATEWAY_TLS_CERTIFICATE_FILE: certificateFile, GATEWAY_TLS_KEY_FILE: keyFile } = settings
  const tls = certificateFile && keyFile ? { certificateFile, keyFile } : undefined
  const answers = keepAnswers({ ...ports, seal: sealedAnswers(service, keyring) })
  const server = createServer({
    ...{ service, host: settings.HOST, port: settings.PORT, tls, logger, telemetry, clock, health },
    ...{
      door: 'edge',
      metrics: false,
      answers,
      tokens: verifier,
      onRefused: refusals.refused,
      sessions: accounts.edge,
    },
    routes: [
      getJwksRoute({ keys }),
      listSigningKeysRoute({ keys }),
      rotateSigningKeyRoute({ keys }),
      ...(settings.CSR_MODE === 'development' ? [createDevelopmentTokenRoute({ signer, issuer, clock, ids })] : []),
      createFirewallExplanationRoute({ firewall: screens.firewall, operations: described }),
      screenedBody(createTenantRoute({ tenants }), screens),
      listTenantsRoute({ tenants }),
      ...signIn.routes({ sessions: accounts.signIn, cookies: accounts.cookies }),
      ...accounts.routes.map((own) => screenedBody(own, screens)),
      getProblemRoute(),
      getOpenApiRoute({ documents }),
      ...getDocsRoutes({ documents }),
      ...services.map((name) => getServiceHealthRoute(name, { health, upstreams })),
      ...outboxRoutes(ports),
      ...parkedRoutes(ports, consumers),
      ...forwarding.map((row) => screened(forward(row, { upstreams }), row.operation, screens)),
    ],
  })
  const metrics = createServer({
    ...{ service, host: '127.0.0.1', port: settings.GATEWAY_METRICS_PORT, logger, telemetry, clock, health },
    ...{ tokens: verifier, routes: [] },
  })
  const inner = [
    serviceTokens,
    postgres,
    nats,
    keyring,
    keys,
    trust,
    upkeep,
    expiry,
    relay,
    consumers,
    refusals,
    answers,
  ]
  return inOrder(service, health, [...inner, ...Object.values(upstreams), metrics, server])
}

/** Everything a request can be about, for explanations. */
const described = [...forwarding.map(({ operation }) => operation), ...gatewayOperations]

function createUpstreams(
  settings: GatewaySettings,
  { logger, telemetry }: Ports,
  tokens: ReturnType<typeof createServiceTokens>,
): Readonly<Record<Exclude<ServiceName, 'gateway'>, Upstream>> {
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
