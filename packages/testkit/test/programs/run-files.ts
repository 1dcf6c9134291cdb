import { run } from 'node:test'
import { endHungFiles } from '../../src/hung-files.ts'

// `run-files.ts <longest life of a file in ms> <file> …`: runs them and prints what passed and what failed.
const [fileMsMax, ...files] = process.argv.slice(2)
const results = run({ files, concurrency: true })
endHungFiles(results, { fileMsMax: Number(fileMsMax), say: (line) => process.stdout.write(`${line}\n`) })
results.on('test:pass', ({ name }) => process.stdout.write(`passed ${name}\n`))
results.on('test:fail', ({ name }) => process.stdout.write(`failed ${name}\n`))
