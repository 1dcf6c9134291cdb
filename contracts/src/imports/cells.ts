import { z } from 'zod'

/*
 * Cells of CSV files are text. Each kind of cell says what it may hold and what it becomes; an empty cell says nothing.
 */

/** What a required column holds. */
export const text = (most: number) => z.string().trim().min(1, 'is required').max(most)

/** An empty cell becomes null. */
export const optional = <Schema extends z.ZodType>(schema: Schema) =>
  z.union([z.literal('').transform(() => null), schema], { error: (issue) => messageOf(issue) })

/** The reason of the kind of cell itself, not that it is no empty cell either. */
function messageOf(issue: { errors?: readonly (readonly { message: string }[])[] } & object): string {
  const errors = issue.errors ?? []
  return errors.at(-1)?.[0]?.message ?? 'is not valid'
}

export const email = z.string().trim().pipe(z.email('is no e-mail address').max(320))

const dayForm = /^\d{4}-\d{2}-\d{2}$/

/** RFC 3339, or a plain day. */
export const when = z
  .string()
  .trim()
  .refine(
    (value) => (dayForm.test(value) ? z.iso.date() : z.iso.datetime({ offset: true })).safeParse(value).success,
    'is neither an RFC 3339 time nor a day (YYYY-MM-DD)',
  )

const decimalForm = /^-?\d{1,9}(\.\d{1,9})?$/

export const number = (least: number, most: number) =>
  z
    .string()
    .trim()
    .regex(decimalForm, 'is no number')
    .transform(Number)
    .refine((value) => value >= least && value <= most, `is not within ${least} and ${most}`)

export const wholeNumber = (least: number, most: number) =>
  number(least, most).refine((value) => Number.isInteger(value), 'is no whole number')

/** A list inside one cell, separated by commas. */
export const list = z
  .string()
  .max(2_000)
  .transform((cell) =>
    cell
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== ''),
  )
  .pipe(z.array(z.string().max(100)).max(50))

export const oneOf = <const Values extends readonly [string, ...string[]]>(values: Values) =>
  z
    .string()
    .trim()
    .pipe(z.enum(values, `is none of ${values.join(', ')}`))

/** A JSON object in a cell, kept as the text it was. */
export const jsonObject = z
  .string()
  .max(2_000)
  .refine((cell) => {
    try {
      const value: unknown = JSON.parse(cell)
      return typeof value === 'object' && value !== null && !Array.isArray(value)
    } catch {
      return false
    }
  }, 'is no JSON object')
