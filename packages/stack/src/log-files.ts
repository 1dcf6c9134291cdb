import { copyFileSync, renameSync, statSync, truncateSync } from 'node:fs'
import { join } from 'node:path'

/** A log above this size is moved to `<name>.log.1`; the one before that is dropped. */
export const logBytesMax = 50 * 1024 ** 2

/** Where a program's stdout and stderr go: `<logs>/<name>.log`. */
export const logFile = (logsDir: string, name: string) => join(logsDir, `${name}.log`)

/** Rotates a log nobody has open. */
export function rotateLog(path: string, bytesMax = logBytesMax): void {
  if (sizeOf(path) > bytesMax) renameSync(path, `${path}.1`)
}

/**
 * Rotates the log of a program that has it open: copied, then cut to nothing; the program goes on appending to the
 * same file. Lines written between the two steps are lost.
 */
export function rotateOpenLog(path: string, bytesMax = logBytesMax): void {
  if (sizeOf(path) <= bytesMax) return
  copyFileSync(path, `${path}.1`)
  truncateSync(path)
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0
}
