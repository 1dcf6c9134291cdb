import { styleText } from 'node:util'
import type { SampleReport, ShownActivity, ShownOutcome, ShownProfile } from './samples/sample-result.ts'

export type Paint = (style: Parameters<typeof styleText>[0], text: string) => string

/** Colours where asked for, plain words elsewhere. */
export function painter(colours: boolean): Paint {
  return (style, text) => (colours ? styleText(style, text, { validateStream: false }) : text)
}

/** What became of the samples, for a person. */
export function describeSamples(report: SampleReport, colours: boolean): string {
  const paint = painter(colours)
  const { result, audit } = report
  const lines = [
    ...describeIntake(report, paint),
    '',
    ...describeEffects(report, paint),
    '',
    ...(result.profile === null ? [] : [...describeProfile(result.profile, paint), '']),
    `  ${paint('bold', 'Audit log')}  ${audit.verified ? paint('green', '✓ verified') : paint('red', '✗ not verified')}, ${audit.size} records`,
    `             root ${paint('dim', audit.root)}`,
  ]
  return `${lines.join('\n')}\n`
}

function describeIntake({ result: { deliveries, rows } }: SampleReport, paint: Paint): string[] {
  const line = (name: string, counts: { accepted: number; duplicate: number; quarantined: number }): string => {
    const cell = (style: 'green' | 'dim' | 'yellow', count: number): string =>
      paint(style, String(count).padStart(columnWidth))
    return `  ${name.padEnd(14)}${cell('green', counts.accepted)}${cell('dim', counts.duplicate)}${cell('yellow', counts.quarantined)}`
  }
  const titles = ['accepted', 'duplicate', 'quarantined'].map((title) => title.padStart(columnWidth)).join('')
  return [paint('dim', `${' '.repeat(16)}${titles}`), line('Webhooks', deliveries), line('Rows of files', rows)]
}

const columnWidth = 13

function describeEffects({ result }: SampleReport, paint: Paint): string[] {
  const { people, activities, outcomes, reviewsOpen, meanScores } = result
  const withheld = Object.entries(outcomes.withheld)
  const sum = withheld.reduce((total, [, count]) => total + count, 0)
  const why = withheld.map(([reason, count]) => `${count} ${reason}`).join(', ')
  const waits = reviewsOpen === 1 ? '1 text waits for a person' : `${reviewsOpen} texts wait for a person`
  return [
    `  ${paint('bold', String(people))} people, ${paint('bold', String(activities))} activities, ${paint('bold', String(outcomes.scored))} texts scored, ${sum} withheld; ${waits}`,
    ...(why === '' ? [] : [paint('dim', `  withheld: ${why}`)]),
    '',
    `  ${paint('bold', 'Mean scores')}   0.5 is no change`,
    ...Object.entries(meanScores).map(([name, score]) => `    ${scoreLine(name, score, paint)}`),
  ]
}

function describeProfile(profile: ShownProfile, paint: Paint): string[] {
  const shown = profile.activities.slice(-activitiesShown)
  const more = profile.activities.length - shown.length
  // the one that says most is shown in full, at the end
  const told = profile.activities.flatMap(({ outcome }) => (outcome && 'scores' in outcome ? [outcome] : []))
  const fullest = told.toSorted((a, b) => weightOf(b) - weightOf(a))[0]
  return [
    `  ${paint('bold', profile.name ?? 'Nobody has said a name')}  ${paint('dim', [profile.email ?? '', ...profile.programmes].join(' · '))}`,
    ...(more > 0 ? [paint('dim', `    ${more} earlier activities, and`)] : []),
    ...shown.map((activity) => describeActivity(activity, paint)),
    ...(fullest === undefined ? [] : ['', ...describeOutcome(fullest, paint)]),
  ]
}

const activitiesShown = 6

type Scored = Extract<ShownOutcome, { scores: unknown }>

const saidScores = ({ scores }: Scored): [string, number][] =>
  Object.entries(scores).flatMap(([name, score]) => (score === null ? [] : [[name, score] as [string, number]]))

const weightOf = (outcome: Scored): number => saidScores(outcome).length * 100 + outcome.evidence.length

function describeActivity({ kind, partner, role, occurredAt, outcome }: ShownActivity, paint: Paint): string {
  const head = `    ${paint('dim', occurredAt.slice(0, 10))}  ${kind.padEnd(20)}${partner.padEnd(11)}${role.padEnd(12)}`
  if (outcome === null) return head.trimEnd()
  return `${head}${'withheld' in outcome ? paint('dim', `not scored: ${outcome.withheld}`) : paint('green', 'scored')}`
}

function describeOutcome(outcome: Scored, paint: Paint): string[] {
  const quotes = [...new Set(outcome.evidence.map(({ text }) => text))].slice(0, quotesShown)
  return [
    ...saidScores(outcome).map(([name, score]) => `    ${scoreLine(name, score, paint)}`),
    `    ${'because of'.padEnd(15)}${paint('italic', quotes.map((quote) => `“${quote}”`).join('  '))}`,
  ]
}

const quotesShown = 4
const barWidth = 12

const scoreNames: Readonly<Record<string, string>> = {
  confidence: 'confidence',
  belonging: 'belonging',
  languageLevel: 'language',
  jobReadiness: 'job readiness',
  wellBeing: 'well-being',
}

function scoreLine(name: string, score: number | null, paint: Paint): string {
  const title = (scoreNames[name] ?? name).padEnd(15)
  if (score === null) return `${title}${paint('dim', '·'.repeat(barWidth))}  not said`
  const full = Math.round(score * barWidth)
  const style = score > 0.55 ? 'green' : score < 0.45 ? 'yellow' : 'dim'
  return `${title}${paint(style, '█'.repeat(full))}${paint('dim', '░'.repeat(barWidth - full))}  ${score.toFixed(2)}`
}
