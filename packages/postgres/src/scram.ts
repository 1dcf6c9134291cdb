import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto'

/** The iteration count PostgreSQL itself uses by default; passwords of services are random, so it adds no safety. */
const iterations = 4_096

/**
 * The stored form of a password (RFC 5803, as PostgreSQL writes it), made on this side so that the password itself is
 * in no statement and therefore in no server log.
 */
export function scramVerifier(password: string, salt: Uint8Array = randomBytes(16)): string {
  const salted = pbkdf2Sync(password.normalize('NFKC'), salt, iterations, 32, 'sha256')
  const clientKey = createHmac('sha256', salted).update('Client Key').digest()
  const storedKey = createHash('sha256').update(clientKey).digest('base64')
  const serverKey = createHmac('sha256', salted).update('Server Key').digest('base64')
  return `SCRAM-SHA-256$${iterations}:${Buffer.from(salt).toString('base64')}$${storedKey}:${serverKey}`
}
