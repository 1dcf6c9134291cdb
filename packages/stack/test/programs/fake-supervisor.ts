import { createDataDirectory, dataDirectory, lockDataDirectory } from '../../src/data-directory.ts'
import { Supervisor } from '../../src/supervisor.ts'
import { fakeProgram } from '../fake-program.ts'

/* A supervisor to kill: `fake-supervisor.ts <data dir> <journal> [<name>=<how> …]`; prints `up` when all of them run. */
const [dataDir = '', journal = '', ...programs] = process.argv.slice(2)
const directory = dataDirectory(dataDir)
createDataDirectory(directory)
const release = lockDataDirectory(directory)
const supervisor = new Supervisor({ directory })
await supervisor.open()
for (const program of programs) {
  const [name = '', how = ''] = program.split('=')
  await supervisor.run(fakeProgram(name, journal, { how }))
}
process.on('SIGTERM', () => void supervisor.stop().then(release))
process.stdout.write('up\n')
