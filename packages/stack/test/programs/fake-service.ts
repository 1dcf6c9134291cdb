import { appendFileSync } from 'node:fs'

/*
 * A program to supervise: `fake-service.ts <name> <journal> [<how>]`. Writes what happens to it into the journal, one
 * word and pid per line. `how`: `exits` ends at once, `stubborn` ignores SIGTERM, `deaf` also outlives its supervisor.
 */
const [name = '', journal = '', how = ''] = process.argv.slice(2)
const note = (what: string) => appendFileSync(journal, `${what} ${name} ${process.pid}\n`)

process.on('SIGTERM', () => {
  note('term')
  if (how === 'stubborn' || how === 'deaf') return
  note('end')
  process.exit(0)
})
process.on('disconnect', () => {
  note('orphaned')
  if (how !== 'deaf') process.exit(0)
})
note('start')
if (how === 'exits') process.exit(7)
setInterval(() => {}, 60_000)
