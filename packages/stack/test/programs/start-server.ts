import { testSecrets } from '@csr/testkit/secrets'
import { startNatsServer } from '../../src/servers/nats-server.ts'
import { startPostgres } from '../../src/servers/postgres.ts'

// `start-server.ts postgres|nats <options as JSON>`: starts one, prints its pid and stays until its stdin ends.
const [kind, given = '{}'] = process.argv.slice(2)
const options = JSON.parse(given)
const credentialsFile = (await testSecrets()).natsCredentialsFile
const server = kind === 'nats' ? await startNatsServer({ ...options, credentialsFile }) : await startPostgres(options)
process.stdout.write(`${server.pid}\n`)
process.stdin.resume().once('end', () => process.exit(0))
