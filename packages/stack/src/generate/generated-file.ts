/** A generated file: its path from the root and its whole text. */
export type Generated = { readonly path: string; readonly text: string }

/** JSON as it is committed: two spaces, one newline at the end. */
export function jsonFile(path: string, value: unknown): Generated {
  return { path, text: `${JSON.stringify(value, null, 2)}\n` }
}
