import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { generateAll } from './generate/all.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url)).replace(/\/$/, '')
const files = await generateAll(root)
rmSync(`${root}/contracts/generated`, { recursive: true, force: true })
for (const { path, text } of files) {
  mkdirSync(dirname(`${root}/${path}`), { recursive: true })
  writeFileSync(`${root}/${path}`, text)
}
process.stdout.write(`generated ${files.length} files\n`)
