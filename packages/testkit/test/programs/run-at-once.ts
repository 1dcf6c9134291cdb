import { run } from 'node:test'
import { spec } from 'node:test/reporters'
import { mergeResults } from '../../src/merged-results.ts'

// `run-at-once.ts <file> …`: a run of its own for each, all at the same time.
const runs = process.argv.slice(2).map((file) => run({ files: [file] }))
mergeResults(runs).compose(spec).pipe(process.stdout)
