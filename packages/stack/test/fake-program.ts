import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { spawnChild } from '../src/child-process.ts'
import type { Program } from '../src/supervised-process.ts'

const script = fileURLToPath(new URL('./programs/fake-service.ts', import.meta.url))

/** A tiny program that writes its life into a journal. */
export function fakeProgram(
  name: string,
  journal: string,
  options: { how?: string; stage?: number; stopLimitMs?: number } = {},
): Program {
  return {
    name,
    stage: options.stage ?? 1,
    stopSignal: 'SIGTERM',
    stopLimitMs: options.stopLimitMs ?? 5_000,
    async start(logPath, spawned) {
      const args = [script, name, journal, options.how ?? '']
      spawned(await spawnChild({ command: process.execPath, args, env: {}, cwd: '/' }, logPath))
    },
  }
}

/** The journal's lines without pids. */
export function readJournal(journal: string): string[] {
  return linesOf(journal).map((line) => line.split(' ').slice(0, 2).join(' '))
}

/** The pids of one program, in the order of its lives. */
export function pidsOf(journal: string, name: string): number[] {
  return linesOf(journal)
    .map((line) => line.split(' '))
    .filter(([what, who]) => what === 'start' && who === name)
    .map(([, , pid]) => Number(pid))
}

function linesOf(journal: string): string[] {
  try {
    return readFileSync(journal, 'utf8').trim().split('\n').filter(Boolean)
  } catch {
    return []
  }
}
