import { readFileSync } from 'node:fs'
import { services } from '@csr/contracts/services'
import type { NatsUser } from '@csr/messaging/users'
import { createUser, fromSeed } from '@nats-io/nkeys'

/** Everybody the server lets in: one user per service and the administrator of streams. */
export const natsUsers: readonly NatsUser[] = [...services, 'admin']

/** A new secret of a user: an Ed25519 seed in NATS' own encoding, one line. */
export function createNatsSeed(): string {
  return new TextDecoder().decode(createUser().getSeed())
}

/** The public half, which is all the server is told. */
export function natsPublicKey(credentialsFile: string): string {
  const seed = readFileSync(credentialsFile, 'utf8').trim()
  return fromSeed(new TextEncoder().encode(seed)).getPublicKey()
}
