/**
 * The cookies of the gateway (RFC 6265bis): `__Host-` names, so that no other host and no plain connection can set them;
 * Secure, HttpOnly, SameSite=Lax, for the whole site. Browsers take such cookies over TLS, and from `http://localhost` and
 * `http://127.0.0.1`, which they trust: development needs no weaker form.
 */
export interface Cookies {
  /** value of a `Set-Cookie` header; without `maxAgeSeconds` the cookie ends with the browser */
  set(name: CookieName, value: string, maxAgeSeconds?: number): string
  /** value of a `Set-Cookie` header that takes the cookie away */
  clear(name: CookieName): string
  /** the value in a `Cookie` header; null where it is missing or there twice */
  read(header: string | undefined, name: CookieName): string | null
}

/** What each cookie is for, once: its name on the wire is made of it. */
export const CookieName = {
  session: 'csr-session',
  signIn: 'csr-sign-in',
  arrival: 'csr-arrival',
} as const
export type CookieName = (typeof CookieName)[keyof typeof CookieName]

const nameOnWire = (name: CookieName): string => `__Host-${name}`
const attributes = 'Path=/; Secure; HttpOnly; SameSite=Lax'

export function createCookies(): Cookies {
  return {
    set(name, value, maxAgeSeconds) {
      const life = maxAgeSeconds === undefined ? '' : `; Max-Age=${maxAgeSeconds}`
      return `${nameOnWire(name)}=${value}; ${attributes}${life}`
    },
    clear: (name) => `${nameOnWire(name)}=; ${attributes}; Max-Age=0`,
    read(header, name) {
      const start = `${nameOnWire(name)}=`
      const values = (header ?? '').split(';').flatMap((pair) => {
        const trimmed = pair.trim()
        return trimmed.startsWith(start) ? [trimmed.slice(start.length)] : []
      })
      return values.length === 1 ? (values[0] ?? null) : null
    },
  }
}
