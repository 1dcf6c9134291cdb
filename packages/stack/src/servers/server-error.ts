import { Refusal } from '../refusal.ts'

/** Why a server could not be had; each code has a way out that the message names. */
export const ServerErrorCode = {
  portInUse: 'port-in-use',
  directoryInUse: 'directory-in-use',
  directoryForeign: 'directory-foreign',
  diskFull: 'disk-full',
  notPermitted: 'not-permitted',
  binaryMissing: 'binary-missing',
  failed: 'failed',
} as const

export type ServerErrorCode = (typeof ServerErrorCode)[keyof typeof ServerErrorCode]

/** A server that could not be installed, started or stopped. The message is written for the person at the terminal. */
export class ServerError extends Refusal {
  readonly code: ServerErrorCode

  constructor(code: ServerErrorCode, message: string, options: { cause?: unknown } = {}) {
    super(message, options)
    this.code = code
  }
}

/** What a server's own last words mean, or null where they say nothing known. */
export function explainLog(name: string, tail: string, place: { port: number; directory: string }): ServerError | null {
  if (/address already in use|could not bind/i.test(tail)) return portInUse(name, place.port)
  if (/no space left on device|disk quota exceeded/i.test(tail)) {
    return new ServerError('disk-full', diskFullMessage(place.directory))
  }
  if (/permission denied|read-only file system/i.test(tail)) {
    const message = `${name} may not use ${place.directory}: ${lastLine(tail)}. Choose another folder with --data-dir.`
    return new ServerError('not-permitted', message)
  }
  return null
}

/** The refusal that names a taken port. */
export function portInUse(name: string, port: number): ServerError {
  return new ServerError(
    'port-in-use',
    `Port ${port}, wanted for ${name}, is in use. Choose other ports with --port-base N, or end what listens there.`,
  )
}

/** The last line of a log that is not blank. */
export function lastLine(tail: string): string {
  return tail.trim().split('\n').at(-1)?.trim() ?? ''
}

function diskFullMessage(path: string): string {
  return `The disk that holds ${path} is full. Make room, or choose a folder on another disk with --data-dir.`
}
