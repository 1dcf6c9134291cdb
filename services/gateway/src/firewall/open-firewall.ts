import type { Clock } from '@csr/runtime/clock'
import { noExclusions, readExclusions, type Exclusion } from './exclusions.ts'
import { createFirewall, type Firewall, type FirewallMode, type Witness } from './firewall.ts'
import { createObserver, type Observer } from './observe.ts'
import { loadRules } from './rules.ts'

type Options = {
  readonly mode: FirewallMode
  readonly exclusionsFile: string | undefined
  readonly clock: Clock
  readonly witness: Witness
  /** told of exclusions that have ended */
  readonly expired: (entry: Exclusion) => void
}

/** Reads rules and exclusions once. Throws where either says something that cannot be. */
export function openFirewall(options: Options): { readonly firewall: Firewall; readonly observer: Observer } {
  const { mode, exclusionsFile: file, clock, witness, expired } = options
  const rules = loadRules()
  const ruleIds = new Set(rules.rules.map(({ id }) => id))
  const exclusions = file === undefined ? noExclusions : readExclusions(file, { clock, ruleIds, expired })
  const firewall = createFirewall({ rules, mode, exclusions, witness })
  return { firewall, observer: createObserver({ firewall, clock }) }
}
