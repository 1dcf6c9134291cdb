import {
  Counter as PromCounter,
  Gauge as PromGauge,
  Histogram as PromHistogram,
  Registry,
  collectDefaultMetrics,
} from 'prom-client'

export type Labels = Readonly<Record<string, string>>
export interface Counter {
  add(count?: number, labels?: Labels): void
}
export interface Gauge {
  set(value: number, labels?: Labels): void
}
export interface Histogram {
  observe(value: number, labels?: Labels): void
}

/** The metrics of one process. Labels carry names of a closed set, never ids of people. */
export interface Telemetry {
  /** a count that only grows; the name ends in `_total` */
  counter(name: string, help: string, labelNames?: readonly string[]): Counter
  gauge(name: string, help: string, labelNames?: readonly string[]): Gauge
  /** buckets in the unit that ends the name */
  histogram(name: string, help: string, buckets: readonly number[], labelNames?: readonly string[]): Histogram
  /** Prometheus text exposition format 0.0.4 */
  exposition(): Promise<string>
}

/** How often the delay of the event loop is measured: each time wakes an idle process. */
const eventLoopLookEveryMs = 100

/** Metrics of a service with a registry of its own; asking twice for a name gives the same metric. */
export function createTelemetry(service: string): Telemetry {
  const registry = new Registry()
  registry.setDefaultLabels({ service })
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: eventLoopLookEveryMs })
  const known = new Map<string, unknown>()

  function once<Metric>(name: string, create: () => Metric): Metric {
    const existing = known.get(name) as Metric | undefined
    if (existing) return existing
    const metric = create()
    known.set(name, metric)
    return metric
  }

  return {
    counter: (name, help, labelNames = []) =>
      once(name, () => {
        const metric = new PromCounter({ name, help, labelNames: [...labelNames], registers: [registry] })
        return { add: (count = 1, labels) => (labels ? metric.inc(labels, count) : metric.inc(count)) }
      }),
    gauge: (name, help, labelNames = []) =>
      once(name, () => {
        const metric = new PromGauge({ name, help, labelNames: [...labelNames], registers: [registry] })
        return { set: (value, labels) => (labels ? metric.set(labels, value) : metric.set(value)) }
      }),
    histogram: (name, help, buckets, labelNames = []) =>
      once(name, () => {
        const metric = new PromHistogram({
          name,
          help,
          buckets: [...buckets],
          labelNames: [...labelNames],
          registers: [registry],
        })
        return { observe: (value, labels) => (labels ? metric.observe(labels, value) : metric.observe(value)) }
      }),
    exposition: () => registry.metrics(),
  }
}
