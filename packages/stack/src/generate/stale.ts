import { readFileSync, existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { generateAll } from './all.ts'
import type { Generated } from './generated-file.ts'
import { keepPublished } from './published-events.ts'

/**
 * Compares what would be generated with what is committed; also names generated files that nothing makes any more, and
 * what published events would no longer keep.
 */
export async function findStaleFiles(root: string): Promise<{ count: number; stale: string[]; broken: string[] }> {
  const { files: generated, broken } = keepPublished(root, await generateAll(root))
  const stale = generated.filter((file) => !isCurrent(root, file)).map(({ path }) => path)
  const made = new Set(generated.map(({ path }) => path))
  const folder = 'contracts/generated'
  const present = existsSync(`${root}/${folder}`)
    ? await readdir(`${root}/${folder}`, { recursive: true, withFileTypes: true })
    : []
  for (const entry of present) {
    const path = `${entry.parentPath.slice(root.length + 1)}/${entry.name}`
    if (entry.isFile() && !made.has(path)) stale.push(path)
  }
  return { count: generated.length, stale, broken }
}

function isCurrent(root: string, file: Generated): boolean {
  return existsSync(`${root}/${file.path}`) && readFileSync(`${root}/${file.path}`, 'utf8') === file.text
}
