import type { EventOf } from '@csr/contracts/events/catalog'
import type { Event } from '@csr/contracts/events/envelope'
import { eventPlace } from '@csr/contracts/events/event-place'
import type { EvidenceSpan, OutcomeScores, WithheldReason } from '@csr/contracts/events/q2q'
import type { Outcome, OutcomeSummary } from '@csr/contracts/http/q2q'
import type { Keyring } from '@csr/keyring/keyring'
import type { Keys } from '@csr/keyring/keys'
import type { Postgres } from '@csr/postgres/connect'
import type { Statement } from '@csr/postgres/statement'
import type { Clock } from '@csr/runtime/clock'
import type { Ids } from '@csr/runtime/ids'
import { laterOf, type Standing } from '../domain/which-stands.ts'
import { summarise } from '../domain/summarise.ts'
import { outcomeScored, outcomeWithheld } from '../events.ts'
import { putOutcomes, selectPage, selectStanding, selectSummary, type OutcomeRow } from './outcome-statements.ts'

type TextScreened = EventOf<'safety.text.screened.v1'>

/** What was made of a text that may be scored: the classifier, as this store needs it. */
export type ScoreText = (text: string) => Scored | { readonly withheld: WithheldReason }
type Scored = Required<Pick<OutcomeRow, 'scores'>> & {
  readonly labels: NonNullable<OutcomeRow['labels']>
  readonly evidence: readonly EvidenceSpan[]
  readonly language: string
  readonly model: string
  readonly version: string
  readonly rubric: string
}

/** What to commit for a batch; `results` counts what became of each text. */
export type Decided = {
  readonly statements: readonly Statement[]
  readonly events: readonly Event[]
  readonly results: readonly string[]
}

export interface OutcomeStore {
  /** Writes nothing: the statements belong into the transaction that claims the batch, and raise CS001 where it is stale. */
  score(tenantId: string, screened: readonly TextScreened[], refusing: ReadonlySet<string>): Promise<Decided>
  /** newest first; with the words of the evidence only where `personal` */
  list(
    tenantId: string,
    subjectId: string,
    page: Page,
    personal: boolean,
  ): Promise<{ items: Outcome[]; last: Position | null }>
  summary(tenantId: string): Promise<OutcomeSummary>
}

export type Position = { readonly at: string; readonly id: string }
export type Page = { readonly before: Position | null; readonly limit: number }

type Deps = {
  readonly postgres: Pick<Postgres, 'group'>
  readonly keyring: Pick<Keyring, 'load'>
  readonly clock: Clock
  readonly ids: Ids
  readonly scoreText: ScoreText
}

const noScores: OutcomeScores = {
  confidence: null,
  belonging: null,
  languageLevel: null,
  jobReadiness: null,
  wellBeing: null,
}
const textPlace = (id: string) => ({ field: 'q2q.outcomes.text_sealed', row: id })
const evidencePlace = (id: string) => ({ field: 'q2q.outcomes.evidence_sealed', row: id })

export function createOutcomeStore({ postgres, keyring, clock, ids, scoreText }: Deps): OutcomeStore {
  return {
    async score(tenantId, screened, refusing) {
      const [standing] = await postgres.group(tenantId, [
        selectStanding(distinct(screened.map(({ data }) => data.activityId))),
      ])
      const keys = await keyring.load(tenantId, distinct(screened.map(({ data }) => data.authorId)))
      const deciding = { clock, ids, scoreText, tenantId, refusing, keys }
      const decided = laterOf(screened.map(standingOf), standing).map(({ text }) => decide(deciding, text))
      const rows = decided.flatMap(({ row }) => row ?? [])
      return {
        statements: rows.length > 0 ? [putOutcomes(rows)] : [],
        events: decided.flatMap(({ event }) => event ?? []),
        results: decided.map(({ row }) => (row ? (row.withheld ?? 'scored') : 'erased')),
      }
    },

    async list(tenantId, subjectId, { before, limit }, personal) {
      const [rows] = await postgres.group(tenantId, [selectPage(subjectId, before, limit + 1)])
      const page = rows.slice(0, limit)
      const keys = await keyring.load(tenantId, page.length > 0 ? [subjectId] : [])
      const shown = page.length > 0 && keys.erased(subjectId) ? [] : page
      const last = rows.length > limit ? page.at(-1) : undefined
      return {
        items: shown.map((row) => viewOf(row, keys, personal)),
        last: last ? { at: last.scoredAt, id: last.id } : null,
      }
    },

    async summary(tenantId) {
      const [[row]] = await postgres.group(tenantId, [selectSummary])
      return summarise(row ?? null)
    },
  }
}

/** A withheld outcome keeps nothing of its text. */
const withheldRow = {
  ...{ labels: null, scores: noScores, textSealed: null, evidenceSealed: null },
  ...{ language: null, model: null, version: null, rubric: null },
}

function viewOf(
  row: Omit<OutcomeRow, 'scores' | 'textSealed'> & OutcomeScores,
  keys: Keys,
  personal: boolean,
): Outcome {
  const { id, activityId, withheld, labels, language, model, version, rubric, policy, scoredAt, evidenceSealed } = row
  if (withheld !== null) return { id, activityId, withheld }
  if (!labels || !evidenceSealed) throw new Error(`outcome ${id} is neither scored nor withheld`)
  const spans = JSON.parse(keys.read(evidenceSealed, evidencePlace(id))) as EvidenceSpan[]
  const { confidence, belonging, languageLevel, jobReadiness, wellBeing } = row
  return {
    ...{ id, activityId, labels, policy, scoredAt },
    ...{ language: language ?? '', model: model ?? '', version: version ?? '', rubric: rubric ?? '' },
    scores: { confidence, belonging, languageLevel, jobReadiness, wellBeing },
    evidence: personal ? spans : spans.map(({ label, start, end }) => ({ label, start, end })),
  }
}

function standingOf(text: TextScreened): Standing & { readonly text: TextScreened } {
  return { activityId: text.data.activityId, reportedAt: text.data.reportedAt, sourceId: text.id, text }
}

function distinct(ids: readonly string[]): string[] {
  return [...new Set(ids)]
}

type Deciding = Pick<Deps, 'clock' | 'ids' | 'scoreText'> & {
  readonly tenantId: string
  readonly refusing: ReadonlySet<string>
  readonly keys: Keys
}

function decide({ clock, ids, scoreText, tenantId, refusing, keys }: Deciding, screened: TextScreened) {
  const { activityId, authorId: subjectId, reportedAt, policy, text: sealed } = screened.data
  if (keys.erased(subjectId)) return { row: null, event: null }
  const id = ids.uuid()
  const scoredAt = clock.now()
  const about = { id: ids.uuid(), time: scoredAt, tenantId, causationId: screened.id }
  const facts = { id, activityId, subjectId, reportedAt, sourceId: screened.id, policy, scoredAt }
  const text = sealed && keys.read(sealed, eventPlace(screened, 'text'))
  const scored =
    text === null
      ? { withheld: 'screened-out' as const }
      : refusing.has(subjectId)
        ? { withheld: 'objected' as const }
        : scoreText(text)
  if ('withheld' in scored) {
    const { withheld } = scored
    return {
      row: { ...withheldRow, ...facts, withheld },
      event: outcomeWithheld(about, { outcomeId: id, activityId, subjectId, reportedAt, withheld }),
    }
  }
  const { evidence, ...result } = scored
  const spans = JSON.stringify(evidence)
  const row: OutcomeRow = {
    ...facts,
    ...result,
    withheld: null,
    textSealed: keys.seal(subjectId, textPlace(id), text ?? ''),
    evidenceSealed: keys.seal(subjectId, evidencePlace(id), spans),
  }
  const sealedSpans = keys.seal(
    subjectId,
    eventPlace({ type: 'q2q.outcome.scored.v1', id: about.id }, 'evidence'),
    spans,
  )
  const announced = {
    outcomeId: id,
    activityId,
    subjectId,
    reportedAt,
    policy,
    scoredAt,
    ...result,
    evidence: sealedSpans,
  }
  return { row, event: outcomeScored(about, announced) }
}
