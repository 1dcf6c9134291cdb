import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { generateAll } from './generate/all.ts'
import { keepPublished } from './generate/published-events.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url)).replace(/\/$/, '')
const { files, broken } = keepPublished(root, await generateAll(root))
rmSync(`${root}/contracts/generated`, { recursive: true, force: true })
for (const { path, text } of files) {
  mkdirSync(dirname(`${root}/${path}`), { recursive: true })
  writeFileSync(`${root}/${path}`, text)
}
process.stdout.write(`generated ${files.length} files\n`)
for (const what of broken) process.stderr.write(`${what}\n`)
if (broken.length > 0) process.exitCode = 1
