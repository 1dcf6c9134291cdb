import type { Partner } from '@csr/contracts/events/ingest'
import { translateBuddy } from './translate-buddy.ts'
import { translateEcornell } from './translate-ecornell.ts'
import { translateKintell } from './translate-kintell.ts'
import type { Translation } from './translation.ts'

/** A partner's body in our words; which partner it is the endpoint says, never the body. */
export function translate(partner: Partner, body: unknown, endpointProgramme: string | null): Translation {
  return translators[partner](body, endpointProgramme)
}

const translators: Readonly<Record<Partner, (body: unknown, endpointProgramme: string | null) => Translation>> = {
  kintell: translateKintell,
  buddy: translateBuddy,
  upskilling: translateEcornell,
}
