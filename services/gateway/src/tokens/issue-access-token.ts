import type { Clock } from '@csr/runtime/clock'
import type { Ids } from '@csr/runtime/ids'
import { accessClaims, accessTokenLifeSeconds, type Grant } from '../domain/access-claims.ts'
import type { TokenSigner } from './sign-token.ts'

export type IssuedToken = { readonly token: string; readonly expiresAtMs: number }

/** Signs an access token of ten minutes. */
export type IssueAccessToken = (grant: Grant) => Promise<IssuedToken>

type Deps = { readonly signer: TokenSigner; readonly issuer: string; readonly clock: Clock; readonly ids: Ids }

export function createAccessTokenIssuer({ signer, issuer, clock, ids }: Deps): IssueAccessToken {
  return async (grant) => {
    const nowMs = clock.nowMs()
    const header = { alg: 'RS256', typ: 'at+jwt', kid: signer.kid() }
    const token = await signer.sign(header, accessClaims(grant, { issuer, nowMs, tokenId: ids.uuid() }))
    return { token, expiresAtMs: (Math.floor(nowMs / 1_000) + accessTokenLifeSeconds) * 1_000 }
  }
}
