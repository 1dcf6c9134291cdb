/** The seven services. The order fixes their ports: port base + index. */
export const Service = {
  gateway: 'gateway',
  profile: 'profile',
  ingest: 'ingest',
  q2q: 'q2q',
  safety: 'safety',
  privacy: 'privacy',
  audit: 'audit',
} as const

export type Service = (typeof Service)[keyof typeof Service]

export const services: readonly Service[] = Object.values(Service)

/** Offset from the port base of the gateway's metrics listener (loopback only). */
export const gatewayMetricsPortOffset = 7

/** Who may call whom over HTTP with a service token; every other pair is refused. */
export const allowedCallers: Readonly<Record<Service, readonly Service[]>> = {
  gateway: [],
  profile: ['gateway'],
  ingest: ['gateway'],
  q2q: ['gateway'],
  safety: ['gateway', 'q2q'],
  privacy: ['gateway', 'q2q'],
  audit: ['gateway'],
}

/** Owns what happens before a tenant is known: refused sign-ins, unknown endpoints, undecodable messages. */
export const platformTenantId = '00000000-0000-7000-8000-000000000000'
