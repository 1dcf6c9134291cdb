import assert from 'node:assert/strict'
import { test } from 'node:test'
import { describeDevelopmentToken } from '../../src/domain/development-token.ts'

const stamp = { kid: 'kid-1', issuer: 'issuer-1', nowMs: 1_795_168_800_999, tokenId: 'token-1', sessionId: 'session-1' }
const request = { tenantId: '0198a000-0000-7000-8000-00000000000a', role: 'auditor' } as const

test('without changes it is what an access token says, for ten minutes', () => {
  const { header, claims } = describeDevelopmentToken(request, stamp)
  assert.deepEqual(header, { alg: 'RS256', typ: 'at+jwt', kid: 'kid-1' })
  assert.deepEqual(claims, {
    iss: 'issuer-1',
    aud: 'csr-backbone',
    sub: 'development-auditor',
    tenant: request.tenantId,
    roles: ['auditor'],
    sid: 'session-1',
    auth_time: 1_795_168_800,
    iat: 1_795_168_800,
    nbf: 1_795_168_800,
    exp: 1_795_169_400,
    jti: 'token-1',
  })
})

test('members are merged over it, null removes one', () => {
  const changes = { claims: { exp: null, aud: ['a', 'b'], extra: { x: 1 } }, header: { alg: 'none', kid: null } }
  const { header, claims } = describeDevelopmentToken({ ...request, ...changes }, stamp)
  assert.deepEqual(header, { alg: 'none', typ: 'at+jwt' })
  assert.ok(!('exp' in claims))
  assert.deepEqual([claims['aud'], claims['extra']], [['a', 'b'], { x: 1 }])
})
