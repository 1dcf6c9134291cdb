import { run } from 'node:test'
import { spec } from 'node:test/reporters'
import { mergeResults } from '../../src/merged-results.ts'

// `run-in-turn.ts <file> …`: a run of its own for each, one after the other.
function* runs() {
  for (const file of process.argv.slice(2)) yield run({ files: [file] })
}
mergeResults(runs()).compose(spec).pipe(process.stdout)
