import { instant, uuid } from '@csr/contracts/events/envelope'
import { z } from 'zod'

const position = z.tuple([instant, uuid]).transform(([at, id]) => ({ at, id }))

/** The cursor that continues a list behind this item. */
export function cursorAfter({ at, id }: { readonly at: string; readonly id: string }): string {
  return Buffer.from(JSON.stringify([at, id])).toString('base64url')
}

/** Where a list goes on; null where the cursor is not one of ours. */
export function parseCursor(cursor: string): { readonly at: string; readonly id: string } | null {
  try {
    const parsed = position.safeParse(JSON.parse(Buffer.from(cursor, 'base64url').toString()))
    return parsed.success ? parsed.data : null
  } catch {
    return null
  }
}
