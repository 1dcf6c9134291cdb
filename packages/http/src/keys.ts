import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '@csr/runtime/clock'
import { calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, type CryptoKey, type JWK } from 'jose'
import { z } from 'zod'

/** The one algorithm of this house; a key is bound to it, whatever a token's header says. */
export const signatureAlgorithm = 'RS256'

/** RFC 7518, section 3.3 asks for 2048; 3072 bits hold beyond 2030 (NIST SP 800-57). */
const modulusBitsMin = 3_072

const kidForm = /^[A-Za-z0-9_-]{1,64}$/
const rsaJwk = z.looseObject({ kty: z.literal('RSA'), kid: z.string().regex(kidForm), n: z.string(), e: z.string() })

/** A key file that must not be used: missing, short, of another family. Its message names the file, never its content. */
export class KeyFileRefused extends Error {
  constructor(file: string, why: string) {
    super(`${file}: ${why}`)
    this.name = 'KeyFileRefused'
  }
}

/** Holds a secret: never logged, never at rest in clear outside its own file. */
export type PrivateJwk = z.infer<typeof rsaJwk>

export type SigningKey = { readonly kid: string; readonly key: CryptoKey; readonly publicKey: CryptoKey }

/** Reads a private JWK. Throws `KeyFileRefused`: a missing key is never replaced by a fresh one. */
export async function readSigningKey(file: string): Promise<SigningKey> {
  return await importSigningKey(await readPrivateJwk(file), file)
}

/** A private JWK as its file holds it, checked as `readSigningKey` checks it. */
export async function readPrivateJwk(file: string): Promise<PrivateJwk> {
  const jwk = await readJwk(file)
  if (typeof jwk.d !== 'string') throw new KeyFileRefused(file, 'is not a private key')
  return jwk
}

/** `place` is what a refusal names. */
export async function importSigningKey(jwk: PrivateJwk, place: string): Promise<SigningKey> {
  const { kid, kty, n, e } = jwk
  const publicKey = await importRsa(place, { kty, n, e, ext: true })
  return { kid, key: await importRsa(place, jwk), publicKey }
}

/** A new key of 3072 bits, named by its thumbprint (RFC 7638). */
export async function generateSigningJwk(): Promise<PrivateJwk> {
  const options = { modulusLength: modulusBitsMin, extractable: true }
  const { privateKey } = await generateKeyPair(signatureAlgorithm, options)
  const jwk = await exportJWK(privateKey)
  const { n = '', e = '' } = jwk
  return { ...jwk, kty: 'RSA', n, e, kid: await calculateJwkThumbprint(jwk) }
}

/** The members anyone may see. */
export function publicJwkOf({ kid, n, e }: PrivateJwk): PublicJwk {
  return { kty: 'RSA', n, e, kid, alg: signatureAlgorithm, use: 'sig' }
}

/** Public members of a verification key, as a JWKS shows them. */
export type PublicJwk = {
  readonly kty: 'RSA'
  readonly kid: string
  readonly alg: 'RS256'
  readonly use: 'sig'
  readonly n: string
  readonly e: string
}

/** A verification key from its public members. */
export async function importPublicJwk(jwk: PublicJwk): Promise<CryptoKey> {
  return await importRsa(`key ${jwk.kid}`, { ...jwk })
}

/** Verification keys by `<name>.<kid>`. A token's `kid` is looked up here and never becomes part of a path. */
export interface PublicKeys {
  find(name: string, kid: string): Promise<CryptoKey | null>
  /** public members of all keys of a name, for a JWKS */
  jwks(name: string): Promise<readonly PublicJwk[]>
}

/** An unknown kid reads the directory again at most this often, so that junk does not become disk traffic. */
export const rereadCoolDownMs = 5_000

/** Keys of a directory of `<name>.<kid>.json`; files that are no public RSA key of 3072 bits or more do not count. */
export function createPublicKeys(options: { directory: string; clock: Clock }): PublicKeys {
  const { directory, clock } = options
  let keys: ReadonlyMap<string, LoadedKey> = new Map()
  let lastReadMs = Number.NEGATIVE_INFINITY
  let reading: Promise<void> | null = null

  async function reread(): Promise<void> {
    keys = await loadDirectory(directory)
  }

  async function refresh(): Promise<void> {
    if (reading) return await reading
    const sinceMs = clock.nowMs() - lastReadMs
    if (sinceMs >= 0 && sinceMs < rereadCoolDownMs) return
    lastReadMs = clock.nowMs()
    reading = reread().finally(() => (reading = null))
    await reading
  }

  return {
    async find(name, kid) {
      if (!kidForm.test(kid)) return null
      const id = `${name}.${kid}`
      const known = keys.get(id)
      if (known) return known.key
      await refresh()
      return keys.get(id)?.key ?? null
    },
    async jwks(name) {
      await refresh()
      return [...keys].filter(([id]) => id.startsWith(`${name}.`)).map(([, loaded]) => loaded.publicJwk)
    },
  }
}

type LoadedKey = { readonly key: CryptoKey; readonly publicJwk: PublicJwk }

async function loadDirectory(directory: string): Promise<ReadonlyMap<string, LoadedKey>> {
  const files = await readdir(directory).catch(() => [])
  const loaded = new Map<string, LoadedKey>()
  for (const file of files) {
    const [name, kid, ...rest] = file.split('.')
    if (!name || !kid || rest.length !== 1 || rest[0] !== 'json') continue
    const key = await loadPublicKey(join(directory, file), kid).catch(() => null)
    if (key) loaded.set(`${name}.${kid}`, key)
  }
  return loaded
}

async function loadPublicKey(file: string, kid: string): Promise<LoadedKey> {
  const jwk = await readJwk(file)
  if (jwk.kid !== kid) throw new KeyFileRefused(file, 'carries another kid than its name')
  if (jwk.d !== undefined) throw new KeyFileRefused(file, 'is a private key')
  const publicJwk = publicJwkOf(jwk)
  return { key: await importPublicJwk(publicJwk), publicJwk }
}

async function readJwk(file: string): Promise<PrivateJwk> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new KeyFileRefused(file, error.code === 'ENOENT' ? 'the key file is missing' : 'the key file cannot be read')
  })
  const jwk = rsaJwk.safeParse(parse(text))
  if (!jwk.success) throw new KeyFileRefused(file, 'is not an RSA key as JWK with a kid')
  if (Buffer.from(jwk.data.n, 'base64url').length * 8 < modulusBitsMin) {
    throw new KeyFileRefused(file, `has fewer than ${modulusBitsMin} bits`)
  }
  return jwk.data
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

async function importRsa(file: string, jwk: Record<string, unknown>): Promise<CryptoKey> {
  const key = await importJWK(jwk as JWK, signatureAlgorithm)
  if (key instanceof Uint8Array) throw new KeyFileRefused(file, 'is a shared secret')
  return key
}
