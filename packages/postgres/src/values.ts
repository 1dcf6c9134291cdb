import { arrayOf, type Statement } from './statement.ts'

/** A statement whose values are already text: nothing about it can fail once the first byte of its group is sent. */
export type Encoded = { readonly text: string; readonly values: readonly (string | null)[] }

/** The protocol counts parameters in 16 bits; the driver refuses the last two. */
const valuesMax = 65_533

/** What would end the transaction of the group, and with it the tenant of the statements behind it. */
const transactionControl = /^\s*(begin|start|commit|end|rollback|abort|savepoint|release|prepare)\b/i

/** Encodes the values of a statement; a value that has no form in SQL throws here, before anything is sent. */
export function encode(statement: Statement): Encoded {
  if (transactionControl.test(statement.text))
    throw new TypeError(`A group is one transaction; it holds no ${statement.text}`)
  if (statement.values.length > valuesMax) throw new TypeError(`A statement takes ${valuesMax} values at most`)
  return { text: statement.text, values: statement.values.map(encodeValue) }
}

function encodeValue(value: unknown, index: number): string | null {
  switch (typeof value) {
    case 'string':
      return value
    case 'number':
    case 'bigint':
      return String(value)
    case 'boolean':
      return value ? 't' : 'f'
    case 'object':
      return value === null ? null : encodeObject(value, index)
    default:
      throw new TypeError(`Value $${index + 1} is ${typeof value}, which has no form in SQL`)
  }
}

function encodeObject(value: object, index: number): string {
  if (value instanceof Uint8Array)
    return `\\x${Buffer.from(value.buffer, value.byteOffset, value.length).toString('hex')}`
  if (value instanceof Date) return value.toISOString()
  if (!Array.isArray(value)) return JSON.stringify(value)
  return arrayOf(value.map((element: unknown) => encodeElement(element, index)))
}

function encodeElement(element: unknown, index: number): string | null {
  const isPlain =
    typeof element === 'object' && element !== null && !(element instanceof Date || element instanceof Uint8Array)
  if (isPlain) throw new TypeError(`Value $${index + 1} is an array of objects; send JSON.stringify of it`)
  return encodeValue(element, index)
}

/** How text from the server becomes a value, by type. Times are RFC 3339 in UTC with milliseconds; 64-bit counts are numbers. */
export const types = {
  ...forType('number', [20, 21, 23, 26, 700, 701, 1700], Number),
  ...forType('boolean', [16], parseBoolean),
  ...forType('json', [114, 3802], parseJson),
  ...forType('bytes', [17], (text) => Buffer.from(text.slice(2), 'hex')),
  ...forType('instant', [1184], parseInstant),
  ...forType('plain', [1082, 1114, 25], (text) => text),
  ...forType('textArray', [1009, 1015, 2951, 1002, 1014, 1182], (text) => parseArray(text, (element) => element)),
  ...forType('numberArray', [1005, 1007, 1016, 1021, 1022, 1231], (text) => parseArray(text, Number)),
  ...forType('booleanArray', [1000], (text) => parseArray(text, parseBoolean)),
  ...forType('jsonArray', [199, 3807], (text) => parseArray(text, parseJson)),
  ...forType('instantArray', [1185], (text) => parseArray(text, parseInstant)),
}

type DriverType = {
  to: number
  from: number[]
  serialize: (value: unknown) => unknown
  parse: (text: string) => unknown
}

/** Values are encoded above, so the driver hands them on as they are. */
function forType(name: string, oids: number[], parse: (text: string) => unknown): Record<string, DriverType> {
  return { [name]: { to: oids[0] ?? 0, from: oids, serialize: (value) => value, parse } }
}

function parseBoolean(text: string): boolean {
  return text === 't'
}

function parseJson(text: string): unknown {
  return JSON.parse(text) as unknown
}

/** `2026-11-20 10:00:00.123456+00` -> `2026-11-20T10:00:00.123Z`; infinities and years beyond 9999 stay as they are. */
export function parseInstant(text: string): string {
  if (text[10] !== ' ' || !text.endsWith('+00')) return text
  const fraction = text.slice(20, -3).slice(0, 3).padEnd(3, '0')
  return `${text.slice(0, 10)}T${text.slice(11, 19)}.${fraction}Z`
}

/** Reads a one-dimensional Postgres array literal. */
export function parseArray<Element>(text: string, parse: (element: string) => Element): (Element | null)[] {
  const elements: (Element | null)[] = []
  let at = 1
  while (at < text.length - 1) {
    if (text[at] === '"') {
      let element = ''
      for (at += 1; text[at] !== '"'; at += 1) {
        if (text[at] === '\\') at += 1
        element += text[at]
      }
      elements.push(parse(element))
      at += 2
    } else {
      const comma = text.indexOf(',', at)
      const end = comma === -1 ? text.length - 1 : comma
      const element = text.slice(at, end)
      elements.push(element === 'NULL' ? null : parse(element))
      at = end + 1
    }
  }
  return elements
}
