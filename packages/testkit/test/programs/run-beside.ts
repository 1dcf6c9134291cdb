import { run } from 'node:test'
import { spec } from 'node:test/reporters'
import { mergeResults } from '../../src/merged-results.ts'
import { runBeside } from '../../src/run-beside.ts'

// `run-beside.ts <file> …`: a run of its own for each, a name that begins with `large` taking two of four places.
const files = process.argv.slice(2)
const runs = runBeside(files, {
  places: 4,
  placesOf: (file) => (file.includes('/large') ? 2 : 1),
  start: (file) => run({ files: [file] }),
  signal: new AbortController().signal,
})
mergeResults(runs).compose(spec).pipe(process.stdout)
