import type { Scenario } from '../scenario.ts'
import { short } from './short.ts'

/** Every scenario by name, in the order of `--list`. */
export const scenarios: ReadonlyMap<string, Scenario> = new Map([short].map((scenario) => [scenario.name, scenario]))
