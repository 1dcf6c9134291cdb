/** Ways to write the same attack, so that a reader who decodes less than its target does not see it. */
export const encodings: Readonly<Record<string, (text: string) => string>> = {
  plain: (text) => text,
  'upper case': (text) => text.toUpperCase(),
  'URL-encoded': (text) => encodeURIComponent(text).replace(/['()*!~]/g, percent),
  'URL-encoded, form': (text) =>
    encodeURIComponent(text)
      .replaceAll('%20', '+')
      .replace(/['()*!~]/g, percent),
  'every character URL-encoded': (text) => [...Buffer.from(text)].map((byte) => `%${hex(byte, 2)}`).join(''),
  'URL-encoded twice': (text) => encodeURIComponent(encodeURIComponent(text).replace(/['()*!~]/g, percent)),
  'percent u': (text) => units(text, (unit) => `%u${hex(unit, 4)}`),
  'JSON escapes': (text) => units(text, (unit) => `\\u${hex(unit, 4)}`),
  'hexadecimal escapes': (text) =>
    marks(text, (unit) => (unit < 0x100 ? `\\x${hex(unit, 2)}` : String.fromCharCode(unit))),
  'HTML entities': (text) => marks(text, (unit) => `&#${unit};`),
  'hexadecimal HTML entities': (text) => marks(text, (unit) => `&#x${unit.toString(16)};`),
  'full width': (text) => marks(text, fullWidth),
  'full-width letters': (text) => units(text, fullWidth),
  base64: (text) => Buffer.from(text).toString('base64'),
  'blanks of other kinds': (text) => text.replaceAll(' ', '\t\n'),
  'comments for blanks': (text) => text.replaceAll(' ', '/**/'),
}

const percent = (mark: string): string => `%${hex(mark.charCodeAt(0), 2)}`
const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0')

function units(text: string, write: (unit: number) => string): string {
  return Array.from({ length: text.length }, (_, at) => write(text.charCodeAt(at))).join('')
}

/** Everything but letters, digits and blanks. */
function marks(text: string, write: (unit: number) => string): string {
  return text.replace(/[!-/:-@[-`{-~]/g, (mark) => write(mark.charCodeAt(0)))
}

function fullWidth(unit: number): string {
  return String.fromCharCode(unit > 0x20 && unit < 0x7f ? unit + 0xfee0 : unit)
}
