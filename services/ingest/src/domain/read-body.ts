/** The JSON value of a body, or null where it is not UTF-8 or not JSON. A byte order mark is skipped. */
export function readBody(bytes: Uint8Array): { readonly value: unknown } | null {
  try {
    return { value: JSON.parse(utf8.decode(bytes)) as unknown }
  } catch {
    return null
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true })
