import { leadAlone, type Hold, type Leader } from '@csr/messaging/leader'
import type { Logger } from '@csr/runtime/logger'
import type { SigningKeys } from '../tokens/signing-keys.ts'

type Deps = { readonly keys: Pick<SigningKeys, 'maintain'>; readonly hold: Hold; readonly logger: Logger }

const lookEveryMs = 30_000

/** Looks after the signing keys; one gateway at a time, the others stand by. */
export function keepSigningKeys({ keys, hold, logger }: Deps): Leader {
  return leadAlone({
    ...{ name: 'signing-keys', hold, logger },
    async round() {
      await keys.maintain()
      return lookEveryMs
    },
  })
}
