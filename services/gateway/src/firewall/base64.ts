/** Shorter runs are words. */
const runCharactersMin = 10
const bytesMin = 6
const lineBreak = 0x0a
const sextets = Int8Array.from({ length: 0x10000 }, (_, code) => sextetOf(code))

/**
 * Decodes every run of Base64 (RFC 4648, both alphabets) that turns out to be readable ASCII and writes the results to
 * `into`, each on a line of its own. Returns how much was written. A run is given up at its first byte that no text has,
 * so that ordinary words cost next to nothing.
 */
export function asciiBase64(codes: Uint16Array, length: number, into: Uint16Array): number {
  let written = 0
  let at = 0
  while (at < length) {
    const start = at
    while (at < length && (sextets[codes[at] ?? 0] ?? -1) >= 0) at += 1
    if (at - start >= runCharactersMin) {
      const end = decodeRun({ codes, start, end: at, into, write: written })
      if (end - written >= bytesMin) {
        into[end] = lineBreak
        written = end + 1
      }
    }
    at += 1
  }
  return written
}

type Run = {
  readonly codes: Uint16Array
  readonly start: number
  readonly end: number
  readonly into: Uint16Array
  readonly write: number
}

/** Where the decoded run ends; `write` where it is no text. */
function decodeRun({ codes, start, end, into, write }: Run): number {
  let bits = 0
  let held = 0
  let to = write
  for (let at = start; at < end; at += 1) {
    held = ((held << 6) | (sextets[codes[at] ?? 0] ?? -1)) & 0xffff
    bits += 6
    if (bits < 8) continue
    bits -= 8
    const byte = (held >> bits) & 0xff
    if ((byte < 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) || byte > 0x7e) return write
    into[to++] = byte
  }
  return to
}

function sextetOf(code: number): number {
  if (code >= 0x61 && code <= 0x7a) return code - 0x47
  if (code >= 0x41 && code <= 0x5a) return code - 0x41
  if (code >= 0x30 && code <= 0x39) return code + 0x04
  if (code === 0x2b || code === 0x2d) return 62
  return code === 0x2f || code === 0x5f ? 63 : -1
}
