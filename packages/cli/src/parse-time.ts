import { InvalidArgumentError } from 'commander'

const spans: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 }

/** A moment as RFC 3339: given as one, or as an age such as `30m`, `2h` or `3d`. */
export function parseTime(text: string): string {
  const [, count = '', unit = ''] = /^(\d{1,4})([mhd])$/.exec(text) ?? []
  const atMs = unit === '' ? Date.parse(text) : Date.now() - Number(count) * (spans[unit] ?? 0)
  if (Number.isNaN(atMs) || (unit === '' && !/^\d{4}-\d{2}-\d{2}/.test(text)))
    throw new InvalidArgumentError('It is neither a time such as 2026-11-20T10:00:00Z nor an age such as 2h.')
  return new Date(atMs).toISOString()
}
