import type { Logger } from '@csr/runtime/logger'
import type { Telemetry } from '@csr/runtime/telemetry'
import type { Outcome } from './domain/record-activity.ts'

export interface ProfileTelemetry {
  reportsApplied(kind: string, outcomes: readonly (Outcome | 'erased')[]): void
  readingsAnnounced(count: number): void
  readingsWait(error: unknown): void
}

export function createProfileTelemetry(telemetry: Telemetry, logger: Logger): ProfileTelemetry {
  const reports = telemetry.counter('profile_reports_total', 'Reports about a person, by what became of them', [
    'kind',
    'outcome',
  ])
  const readings = telemetry.counter('profile_readings_total', 'Readings of personal fields that were announced')
  return {
    reportsApplied(kind, outcomes) {
      for (const outcome of outcomes) reports.add(1, { kind, outcome })
    },
    readingsAnnounced: (count) => readings.add(count),
    readingsWait: (error) => logger.error('readings-wait', error),
  }
}
