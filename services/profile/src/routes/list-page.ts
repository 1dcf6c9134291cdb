import { ProblemError } from '@csr/http/problem'
import { cursorAfter, parseCursor } from '../domain/list-cursor.ts'

type Position = { readonly at: string; readonly id: string }

/** Where the page begins; a cursor that is not ours is 400. */
export function positionOf(cursor: string | undefined): Position | null {
  if (cursor === undefined) return null
  const position = parseCursor(cursor)
  if (position) return position
  const errors = [{ pointer: 'parameter:cursor', detail: 'is no cursor of this list' }]
  throw new ProblemError('parameter-invalid', { errors })
}

/** One page out of `limit + 1` items: the one too many says that there is another page. */
export function pageOf<Item>(items: readonly Item[], limit: number, positionIn: (item: Item) => Position) {
  const page = items.slice(0, limit)
  const last = page.at(-1)
  return { items: page, nextCursor: items.length > limit && last ? cursorAfter(positionIn(last)) : null }
}
