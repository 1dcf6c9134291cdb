import type { Partner } from '@csr/contracts/events/ingest'
import { translateKintell } from './translate-kintell.ts'
import type { Translation } from './translation.ts'

/** A partner's body in our words; which partner it is the endpoint says, never the body. */
export function translate(partner: Partner, body: unknown, endpointProgramme: string | null): Translation {
  return translators[partner](body, endpointProgramme)
}

const translators: Readonly<Record<Partner, (body: unknown, endpointProgramme: string | null) => Translation>> = {
  kintell: translateKintell,
  buddy: translateNothing,
  upskilling: translateNothing,
}

function translateNothing(): Translation {
  return {
    outcome: 'misshapen',
    reasons: [{ pointer: '', message: 'Reports of this partner are not read by webhook' }],
  }
}
