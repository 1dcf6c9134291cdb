import { readFileSync } from 'node:fs'
import { execFileSync } from 'node:child_process'

/** One source file as the checks read it: path from the root, and its text. */
export type SourceFile = { readonly path: string; readonly text: string }

const roots = ['contracts', 'packages', 'services', 'load', 'e2e']

/** Every hand-written TypeScript file that git knows or would add. */
export function sourceFiles(root: string): SourceFile[] {
  const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '--', ...roots], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  })
  const paths = [...new Set(listed.split('\0'))].filter((path) => /\.m?ts$/.test(path) && !path.includes('/generated/'))
  return paths.flatMap((path) => {
    try {
      return [{ path, text: readFileSync(`${root}/${path}`, 'utf8') }]
    } catch {
      return []
    }
  })
}
