import { services, type Service } from '@csr/contracts/services'

/** How many of everything one stack runs. */
export type Replicas = {
  /** processes of every service */
  readonly replicas: number
  /** nodes of the NATS cluster; one is no cluster */
  readonly natsNodes: number
}

/** Beyond this a computer shows nothing new. */
export const replicasMax = 3

/** Quorum of streams needs an odd number; more than three copies are for other machines than this one. */
export const natsNodesAllowed: readonly number[] = [1, 3]

/** The name of a process: the first bears that of its service or server, the others a number. */
export function nameOf(kind: string, index: number): string {
  return index === 0 ? kind : `${kind}-${index + 1}`
}

/** Every name a service or server may have. */
export function namesOf(kind: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => nameOf(kind, index))
}

/** The processes of the given services, replica by replica. */
export function processesOf(
  existing: readonly Service[],
  count: number,
): readonly { readonly service: Service; readonly replica: number; readonly name: string }[] {
  return existing.flatMap((service) => namesOf(service, count).map((name, replica) => ({ service, replica, name })))
}

/** Everything a stack may run that has a log. */
export const loggedPrograms: readonly string[] = [
  ...services.flatMap((service) => namesOf(service, replicasMax)),
  ...['keeper', 'identity-providers', 'postgres', 'warden'],
  ...namesOf('nats', Math.max(...natsNodesAllowed)),
]
