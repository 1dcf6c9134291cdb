/** The key store cannot be asked, or a key has left memory: answer 503, or try again later. */
export class KeyringUnavailable extends Error {
  constructor(why: string, options?: { cause?: unknown }) {
    super(`The keyring is unavailable: ${why}`, options)
    this.name = 'KeyringUnavailable'
  }
}

/** A sealed value was changed, cut, or moved from where it was sealed for. Always an alarm, never an empty value. */
export class SealBroken extends Error {
  constructor(why: string) {
    super(`A sealed value does not open: ${why}`)
    this.name = 'SealBroken'
  }
}

/** The tenant has no key. Tenants get theirs from `createTenant`, never in passing. */
export class TenantUnknown extends Error {
  constructor(tenantId: string) {
    super(`Tenant ${tenantId} has no key`)
    this.name = 'TenantUnknown'
  }
}

/** Nothing is sealed under a destroyed key. Ask `keys.erased(keyId)` first where that can happen. */
export class KeyErased extends Error {
  constructor(keyId: string) {
    super(`Key ${keyId} was destroyed`)
    this.name = 'KeyErased'
  }
}

/** A key file that is missing, malformed, too short or readable by everyone. The service must not start. */
export class KeyFileRefused extends Error {
  constructor(path: string, why: string) {
    super(`Key file ${path} is refused: ${why}`)
    this.name = 'KeyFileRefused'
  }
}
