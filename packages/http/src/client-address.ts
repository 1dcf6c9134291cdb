import type { IncomingMessage } from 'node:http'
import { BlockList, isIP } from 'node:net'

/** Whose `X-Forwarded-For` is believed. */
export type TrustedProxies = { has(address: string): boolean }

/** Addresses and networks (`10.0.0.0/8`) of proxies in front of us; TypeError for what is neither. */
export function trustedProxies(list: readonly string[]): TrustedProxies {
  const known = new BlockList()
  for (const entry of list) {
    const [address = '', bits] = entry.split('/')
    const family = familyOf(address)
    if (family === null || (bits !== undefined && !/^\d{1,3}$/.test(bits)))
      throw new TypeError(`${entry} is no address`)
    if (bits === undefined) known.addAddress(address, family)
    else known.addSubnet(address, Number(bits), family)
  }
  return { has: (address) => list.length > 0 && known.check(plain(address), familyOf(plain(address)) ?? 'ipv4') }
}

/**
 * The address of the client: the other end of the connection, or, where that is a trusted proxy, the last address in
 * `X-Forwarded-For` that is none. What stands before it could have been written by anybody.
 */
export function clientAddressOf(request: IncomingMessage, proxies: TrustedProxies | undefined): string {
  let address = request.socket.remoteAddress ?? ''
  const forwarded = request.headers['x-forwarded-for']
  if (!proxies || forwarded === undefined) return address
  const hops = (Array.isArray(forwarded) ? forwarded.join(',') : forwarded).split(',')
  while (proxies.has(address)) {
    const before = hops.pop()?.trim() ?? ''
    if (isIP(before) === 0) return address
    address = before
  }
  return address
}

function familyOf(address: string): 'ipv4' | 'ipv6' | null {
  const version = isIP(address)
  if (version === 0) return null
  return version === 4 ? 'ipv4' : 'ipv6'
}

/** An IPv4 address as an IPv6 socket shows it. */
function plain(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, '')
}
