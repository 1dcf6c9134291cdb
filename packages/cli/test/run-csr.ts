import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const csrFile = fileURLToPath(new URL('../src/csr.ts', import.meta.url))

export type Ran = { readonly code: number; readonly stdout: string; readonly stderr: string }

/** Runs `csr` as a process with an environment of its own. */
export function runCsr(args: readonly string[], environment: Record<string, string> = {}): Promise<Ran> {
  const { PATH, NODE_COMPILE_CACHE } = process.env
  const env = { PATH, NODE_COMPILE_CACHE, ...environment }
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [csrFile, ...args], { env }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(child.exitCode), stdout, stderr })
    })
    child.stdin?.end()
  })
}
