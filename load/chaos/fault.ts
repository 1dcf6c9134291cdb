import type { Rig } from './scenario.ts'

/** One thing that can go wrong. */
export type Fault = {
  /** as the ledger shows it: `kill ingest` */
  readonly name: string
  /** why it cannot be caused on this machine; null where it can */
  readonly unavailable?: () => string | null
  /** Causes it; resolves when it is there. What it returns ends it, and resolves when it is over. */
  readonly inject: (rig: Rig) => Promise<Heal>
}

export type Heal = () => Promise<void>

/** How long a fault lasts: a time, or until something holds. It ends at once where nothing is said. */
export type Hold = { readonly forMs: number } | { readonly until: () => Promise<void> }

/** What became of a fault, as a row of the ledger. */
export type FaultRow = {
  readonly fault: string
  readonly outcome: 'recovered' | 'not recovered' | 'not run'
  /** when it was caused, from the beginning of the load */
  readonly atSeconds: number
  readonly heldSeconds: number
  /** from its end (of a kill: from the kill) until the system worked again; null where it did not, or was not tried */
  readonly recoverySeconds: number | null
  /** why it was not run, or what was missing */
  readonly reason: string | null
}
