import { serveIdentityProviders } from './serve.ts'

/*
 * Both local providers as one process: PORT, GATEWAY_URL, IDENTITY_CLIENT_SECRET. They let anybody be anybody, so they
 * listen on loopback only, and production mode refuses them.
 */
const { CSR_MODE, PORT, GATEWAY_URL = '', IDENTITY_CLIENT_SECRET = '', CSR_CLOCK_OFFSET_SECONDS = '0' } = process.env
if (CSR_MODE !== 'development') {
  process.stderr.write('The local identity providers are for development mode only.\n')
  process.exit(2)
}

// The gateway's clock may be shifted; what is signed here has to be valid there.
const offsetMs = Number(CSR_CLOCK_OFFSET_SECONDS) * 1_000
const realNow = Date.now.bind(Date)
if (offsetMs !== 0) Date.now = () => realNow() + offsetMs

const { origin } = await serveIdentityProviders({
  port: Number(PORT),
  gatewayUrl: GATEWAY_URL,
  clientSecret: IDENTITY_CLIENT_SECRET,
})
process.stdout.write(`listening on ${origin}\n`)
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => process.exit(0))
if (process.connected) process.on('disconnect', () => process.exit(0))
