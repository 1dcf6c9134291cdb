import { createHmac } from 'node:crypto'
import type { SigningKey } from '@csr/http/keys'
import { exportSPKI } from 'jose'

type Members = Readonly<Record<string, unknown>>

/** Signs whatever it is given, for checks of what must be refused too. */
export interface TokenSigner {
  kid(): string
  /**
   * A compact JWS over header and claims as they stand. `alg` chooses what the third part is: nothing for `none`, an HMAC
   * keyed with the public key for the HS family, an RS256 signature for everything else.
   */
  sign(header: Members, claims: Members): Promise<string>
}

/** Signs with the key that is active at that moment. */
export function createTokenSigner({ active }: { readonly active: () => SigningKey }): TokenSigner {
  return {
    kid: () => active().kid,
    async sign(header, claims) {
      const content = `${encode(header)}.${encode(claims)}`
      return `${content}.${await signatureOf(header['alg'], content, active())}`
    },
  }
}

const encode = (members: Members): string => Buffer.from(JSON.stringify(members)).toString('base64url')

async function signatureOf(algorithm: unknown, content: string, { key, publicKey }: SigningKey): Promise<string> {
  if (algorithm === 'none') return ''
  if (typeof algorithm === 'string' && algorithm.startsWith('HS')) {
    return createHmac('sha256', await exportSPKI(publicKey))
      .update(content)
      .digest('base64url')
  }
  const signature = await crypto.subtle.sign('RSASSA-PKCS1-v1_5', key, Buffer.from(content))
  return Buffer.from(signature).toString('base64url')
}
