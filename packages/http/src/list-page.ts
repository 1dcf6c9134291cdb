import { z } from 'zod'
import { ProblemError } from './problem.ts'

/** Where a list goes on: the time and id of the last item of a page. Opaque to callers. */
export type ListPosition = { readonly at: string; readonly id: string }

const position = z.tuple([z.iso.datetime(), z.guid()])

/** The cursor that continues a list behind this item; null where there is no further page. */
export function cursorOf(last: ListPosition | null): string | null {
  return last && Buffer.from(JSON.stringify([last.at, last.id])).toString('base64url')
}

/** Where to go on; null at the start. Throws `parameter-invalid` where the cursor is none of ours. */
export function positionOf(cursor: string | undefined): ListPosition | null {
  if (cursor === undefined) return null
  const parsed = position.safeParse(parse(cursor))
  if (parsed.success) return { at: parsed.data[0], id: parsed.data[1] }
  throw new ProblemError('parameter-invalid', {
    errors: [{ pointer: 'parameter:cursor', detail: 'is no cursor of this list' }],
  })
}

/** One page of rows that were read with one more than the limit. */
export function pageOf<Row>(rows: readonly Row[], limit: number, at: (row: Row) => ListPosition) {
  const items = rows.slice(0, limit)
  const last = items.at(-1)
  return { items, nextCursor: cursorOf(rows.length > limit && last !== undefined ? at(last) : null) }
}

function parse(cursor: string): unknown {
  try {
    return JSON.parse(Buffer.from(cursor, 'base64url').toString())
  } catch {
    return null
  }
}
