import { z } from 'zod'

/** Query of every list: `limit` 1 to 200 (default 50), `cursor` from the last page's `nextCursor`. */
export const listQuery = z.object({
  cursor: z.string().max(500).optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
})

/** Answer of every list, newest first; `nextCursor` is null on the last page. */
export function listOf<Item extends z.ZodType>(item: Item) {
  return z.object({ items: z.array(item), nextCursor: z.string().nullable() })
}
