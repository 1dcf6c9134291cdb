import type { DeliveryRefused, Partner } from '@csr/contracts/events/ingest'

/** Whose refusals are counted together: one endpoint and reason, or all unknown endpoints of a partner's name. */
export type RefusalSource = {
  readonly tenantId: string
  readonly endpointId: string | null
  readonly partner: Partner
  readonly reason: DeliveryRefused['reason']
}

export type Counted = RefusalSource & { readonly count: number }

/** Refusals of the running minute. Sources are bounded: endpoints that exist, and one for all that do not. */
export type RefusalCounts = Map<string, { readonly source: RefusalSource; readonly minute: number; count: number }>

/** This many of a source are recorded one by one in each minute; what comes on top is recorded as a count. */
export const oneByOneMax = 10

/** Notes a refusal: `record` it now, or `count` it. */
export function noteRefusal(counts: RefusalCounts, source: RefusalSource, nowMs: number): 'record' | 'count' {
  const name = `${source.endpointId ?? source.partner}/${source.reason}`
  const minute = Math.floor(nowMs / minuteMs)
  const entry = counts.get(name)
  const current = entry?.minute === minute ? entry : { source, minute, count: 0 }
  // A minute that ended with something to tell is told by `takeFinished` first; its entry moves out of the way.
  if (entry && entry !== current && entry.count > oneByOneMax) counts.set(`${name}/${entry.minute}`, entry)
  counts.set(name, current)
  current.count += 1
  return current.count <= oneByOneMax ? 'record' : 'count'
}

/** Takes out what was only counted in minutes that are over, or in all. */
export function takeFinished(counts: RefusalCounts, nowMs: number, all = false): Counted[] {
  const minute = Math.floor(nowMs / minuteMs)
  const finished: Counted[] = []
  for (const [name, entry] of counts) {
    if (entry.minute === minute && !all) continue
    counts.delete(name)
    if (entry.count > oneByOneMax) finished.push({ ...entry.source, count: entry.count - oneByOneMax })
  }
  return finished
}

const minuteMs = 60_000
