import type { SealedText } from '@csr/contracts/events/envelope'
import { platformTenantId } from '@csr/contracts/services'
import type { Keyring } from '@csr/keyring/keyring'
import { insertEvents } from '@csr/messaging/outbox'
import type { Postgres } from '@csr/postgres/connect'
import { isStale } from '@csr/postgres/errors'
import { statement, type Statement } from '@csr/postgres/statement'
import type { Clock } from '@csr/runtime/clock'
import type { Ids } from '@csr/runtime/ids'
import type { Rotation, SigningKeyTimes } from '../domain/signing-key.ts'
import { signingKeyRotated } from '../events.ts'

/** Public members as a JWKS shows them. */
export type PublicMembers = {
  readonly kty: 'RSA'
  readonly kid: string
  readonly alg: 'RS256'
  readonly use: 'sig'
  readonly n: string
  readonly e: string
}

export type StoredSigningKey = SigningKeyTimes & {
  readonly publicJwk: PublicMembers
  readonly keyId: string
  /** null once its private half is destroyed */
  readonly privateSealed: SealedText | null
}

/** A key to be stored: its private JWK is sealed before it is sent anywhere. */
export type NewSigningKey = { readonly publicJwk: PublicMembers; readonly privateJwk: string }

/** An operator and their request; nobody and the old key's id where its time had come. */
export type RotatedBy = { readonly actorId: string | null; readonly requestId: string }

export interface SigningKeyStore {
  /** every key there ever was, oldest first */
  list(): Promise<StoredSigningKey[]>
  /** private JWKs by kid; the key store must be there */
  open(keys: readonly StoredSigningKey[]): Promise<ReadonlyMap<string, string>>
  /** the key of set-up, active from now on, where there is none at all; false where there is one */
  addFirst(key: NewSigningKey): Promise<boolean>
  /** the key to come, where none is waiting; false where one is */
  addNext(key: NewSigningKey): Promise<boolean>
  /** both times, the key to come after it and the event in one transaction; false where somebody else was first */
  rotate(rotation: Rotation, next: NewSigningKey, by: RotatedBy): Promise<boolean>
  /** destroys private halves that nobody signs with any more */
  destroyPrivate(kids: readonly string[]): Promise<void>
}

type Deps = {
  readonly postgres: Pick<Postgres, 'group'>
  readonly keyring: Pick<Keyring, 'createTenant' | 'createRecordKeys' | 'load'>
  readonly relay: { wake(): void }
  readonly clock: Clock
  readonly ids: Ids
}

/** Signing keys of access tokens, all of the platform tenant. */
export function createSigningKeyStore(deps: Deps): SigningKeyStore {
  const { postgres, keyring, relay, clock, ids } = deps

  /** The key of a key commits first: without a row it is harmless. */
  async function sealedRow(key: NewSigningKey, activeFrom: string | null): Promise<readonly unknown[]> {
    const keyId = ids.uuid()
    await keyring.createTenant(platformTenantId)
    const keys = await keyring.createRecordKeys(platformTenantId, [keyId])
    const sealed = keys.seal(keyId, placeOf(keyId), key.privateJwk)
    return [key.publicJwk.kid, keyId, key.publicJwk, sealed, clock.now(), activeFrom]
  }

  async function add(text: string, row: readonly unknown[]): Promise<boolean> {
    const [, rows] = await postgres.group(platformTenantId, [oneAtATime, statement(text, row)])
    return rows.length > 0
  }

  return {
    async list() {
      const [rows] = await postgres.group(platformTenantId, [selectKeys])
      return rows.map(toStored)
    },
    open: (keys) => openPrivate(keyring, keys),
    addFirst: async (key) => add(insertFirst, await sealedRow(key, clock.now())),
    addNext: async (key) => add(insertNext, await sealedRow(key, null)),
    async rotate(rotation, next, by) {
      const row = await sealedRow(next, null)
      const event = signingKeyRotated({ ...rotation, ...by }, { id: ids.uuid(), time: clock.now() })
      try {
        const moved = [oneAtATime, ...moveOver(rotation), statement(insertNext, row)]
        await postgres.group(platformTenantId, [...moved, insertEvents('gateway', [event])])
      } catch (error) {
        if (isStale(error)) return false
        throw error
      }
      relay.wake()
      return true
    },
    async destroyPrivate(kids) {
      if (kids.length === 0) return
      const destroy = statement('update gateway.signing_keys set private_sealed = null where kid = any($1)', [kids])
      await postgres.group(platformTenantId, [destroy])
    },
  }
}

async function openPrivate(
  keyring: Pick<Keyring, 'load'>,
  keys: readonly StoredSigningKey[],
): Promise<ReadonlyMap<string, string>> {
  const opened = new Map<string, string>()
  const sealed = keys.filter((key) => key.privateSealed !== null)
  if (sealed.length === 0) return opened
  const keyIds = sealed.map(({ keyId }) => keyId)
  const opener = await keyring.load(platformTenantId, keyIds)
  for (const { kid, keyId, privateSealed } of sealed) {
    opened.set(kid, opener.read(privateSealed as SealedText, placeOf(keyId)))
  }
  return opened
}

const placeOf = (keyId: string) => ({ field: 'gateway.signing_keys.private', row: keyId })

const insert = `insert into gateway.signing_keys
    (tenant_id, kid, key_id, public_jwk, private_sealed, published_at, active_from)
  select ops.tenant_id(), $1, $2, $3, $4, $5, $6`
const insertFirst = `${insert} where not exists (select from gateway.signing_keys) returning kid`
const insertNext = `${insert} where not exists (select from gateway.signing_keys where active_from is null) returning kid`

/** Two gateways that add a key at once do so one after the other: the second finds the first one's. */
const oneAtATime = statement(`select pg_advisory_xact_lock(hashtextextended('gateway.signing_keys', 0))`)

type Row = {
  readonly kid: string
  readonly key_id: string
  readonly public_jwk: PublicMembers
  readonly private_sealed: SealedText | null
  readonly published_at: string
  readonly active_from: string | null
  readonly retires_at: string | null
}

const selectKeys = statement<Row>(
  `select kid, key_id, public_jwk, private_sealed, published_at, active_from, retires_at
   from gateway.signing_keys order by active_from nulls last, published_at, kid`,
)

function toStored(row: Row): StoredSigningKey {
  const ms = (instant: string | null): number | null => (instant === null ? null : Date.parse(instant))
  return {
    kid: row.kid,
    keyId: row.key_id,
    publicJwk: row.public_jwk,
    privateSealed: row.private_sealed,
    publishedAtMs: Date.parse(row.published_at),
    activeFromMs: ms(row.active_from),
    retiresAtMs: ms(row.retires_at),
    canSign: row.private_sealed !== null,
  }
}

/** Each of the two must still be what the plan saw. */
function moveOver({ fromKid, toKid, activeFromMs, retiresAtMs }: Rotation): Statement[] {
  return [
    statement(
      `with moved as (
         update gateway.signing_keys set active_from = $2 where kid = $1 and active_from is null returning 1
       ) select ops.expect((select count(*) from moved), 1)`,
      [toKid, new Date(activeFromMs)],
    ),
    statement(
      `with moved as (
         update gateway.signing_keys set retires_at = $2 where kid = $1 and retires_at is null returning 1
       ) select ops.expect((select count(*) from moved), 1)`,
      [fromKid, new Date(retiresAtMs)],
    ),
  ]
}
